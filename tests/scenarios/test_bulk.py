"""Bulk jobs: one verb on many runs, as if an operator had done it to each of them."""

import pytest

from penstock.core.bulk.rows import ROWS_OF_BULK
from penstock.core.commands.bulk import VERBS
from penstock.core.commands.cancel_bulk import CancelBulk
from penstock.core.commands.change_wf_run_state import ChangeWfRunState
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.set_labels import SetLabels
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.ids import derive_guid
from penstock.core.limits import ANSWER_WINDOW_MS, BULK_KEPT_MS
from penstock.core.state.facts import AuditEntry
from penstock.core.state.run import WfRun
from penstock.core.state.start_rows import EndState
from penstock.core.state.timers import Timer
from penstock.core.state.transitions import ThreadStatus
from tests.controls import chain, event, sleeps, starts, task, threads
from tests.scenarios.bulks import Job, bulk, command, some
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run


def test_all_runs_of_a_spec_are_stopped_and_resumed(driver: Driver) -> None:
    """On every partition; runs of another spec go on."""
    register(driver, "waits", chain(event("go")))
    register(driver, "others", chain(event("go")))
    stories, other = some(driver, "waits", 9), run(driver, "others")
    job = bulk(driver, "stop", wf_spec="waits").completes(done=9)
    assert (job.state.counts.looked, job.state.counts.matched) == (10, 9)
    assert job.state.ended_ms is not None
    for story in stories:
        story.is_now("HALTED")
    other.is_now("RUNNING")
    bulk(driver, "resume", wf_spec="waits").completes(done=9)
    for story in (*stories, other):
        story.gets("go").completes()


def test_the_verb_is_audited_with_the_job_and_who_asked(memory: Driver) -> None:
    """As a verb on a single run is."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    stop, pause = (bulk(memory, verb, wf_spec="waits") for verb in ("stop", "pause"))
    stop.completes(done=1)
    pause.completes(done=1)
    accepted(memory, StopWfRun(wf_run_id=story.id))
    entries = memory.scan(AuditEntry, story.id)
    assert sorted((entry.verb, entry.principal, entry.bulk_id or "") for entry in entries) == [
        ("PauseWfRun", "test", pause.id),
        ("StopWfRun", "test", ""),
        ("StopWfRun", "test", stop.id),
    ]


def test_what_is_refused_is_counted_and_told(memory: Driver) -> None:
    """By code, with a sentence; the others are done."""
    register(memory, "waits", chain(event("go")))
    stories = some(memory, "waits", 7)
    for story in stories[:3]:
        story.gets("go").completes()
    before = [story.rows() for story in stories[:3]]
    job = bulk(memory, "stop", all=True).completes(done=4, WF_RUN_ENDED=3)
    assert [story.rows() for story in stories[:3]] == before
    told = job.state.refusals
    assert {refusal.wf_run_id for refusal in told} == {story.id for story in stories[:3]}
    assert {refusal.code for refusal in told} == {"WF_RUN_ENDED"}
    assert all("COMPLETED" in refusal.message for refusal in told)
    events = [event for event in memory.events() if type(event).__name__ == "CommandRefused"]
    assert len([event for event in events if event.command == "StopWfRun"]) == 3


def test_a_dry_run_counts_and_does_nothing(memory: Driver) -> None:
    """The same request without `dry_run` is about the runs it has counted."""
    register(memory, "waits", chain(event("go")))
    stories = some(memory, "waits", 8)
    stories[0].gets("go").completes()
    before = [story.rows() for story in stories]
    job = bulk(memory, "kill", dry_run=True, status=(ThreadStatus.RUNNING,)).completes(done=0)
    assert (job.state.counts.looked, job.state.counts.matched) == (8, 7)
    assert [story.rows() for story in stories] == before


def test_each_criterion_of_a_filter(memory: Driver) -> None:
    """Spec and version, status, labels, times, ids; all that are given must be met."""
    register(memory, "waits", chain(event("go")))
    old = run(memory, "waits", "old")
    accepted(memory, SetLabels(wf_run_id="old", labels={"team": "a", "env": "test"}))
    memory.pass_ms(1_000)
    register(memory, "waits", chain(event("go"), sleeps(1)))
    new = run(memory, "waits", "new")
    accepted(memory, SetLabels(wf_run_id="new", labels={"team": "a"}))
    memory.pass_ms(1_000)
    ended = run(memory, "waits", "ended").is_killed(0)
    memory.pass_ms(1_000)
    begun, end = new.run.started_ms, ended.run.ended_ms or 0
    assert old.run.started_ms < begun < end

    def named(**criteria: object) -> set[str]:
        """Found by labels that a job sets: the runs that a filter names."""
        name = f"found-{memory.new_id()}"
        arguments = {"labels": {name: "yes"}}
        bulk(memory, "set-labels", arguments=arguments, **criteria).is_now("COMPLETED")
        ids = ("old", "new", "ended")
        return {of for of in ids if name in Story(memory, of).run.labels}

    assert named(all=True) == {"old", "new", "ended"}
    assert named(wf_spec="nobody") == set()
    assert named(wf_spec="waits", version=1) == {"old"}
    assert named(status=(ThreadStatus.RUNNING,)) == {"old", "new"}
    assert named(status=(ThreadStatus.ERROR, ThreadStatus.HALTED)) == {"ended"}
    assert named(labels={"team": "a"}) == {"old", "new"}
    assert named(labels={"team": "a", "env": "test"}) == {"old"}
    assert named(started_after_ms=begun) == {"new", "ended"}
    assert named(started_before_ms=begun) == {"old"}
    assert named(ended_after_ms=end) == {"ended"}
    assert named(ended_after_ms=end + 1) == set()
    assert named(ended_before_ms=end) == set()
    assert named(ended_before_ms=end + 1) == {"ended"}
    assert named(ends=(EndState.KILLED, EndState.WARNED)) == {"ended"}
    assert named(ends=(EndState.ERROR, EndState.COMPLETED)) == set()
    accepted(memory, ChangeWfRunState("ended", EndState.COMPLETED))
    assert named(ends=(EndState.COMPLETED,)) == named(status=(ThreadStatus.ERROR,)) == {"ended"}
    assert named(ends=(EndState.KILLED,)) == set()
    assert named(wf_run_ids=("old", "ended")) == {"old", "ended"}
    assert named(wf_run_ids=("old", "new"), labels={"env": "test"}) == {"old"}


def test_named_runs_are_found_and_unknown_ones_are_told(memory: Driver) -> None:
    """Each id once; only partitions that have some of them are asked."""
    register(memory, "waits", chain(event("go")))
    stories = some(memory, "waits", 6)
    ids = [story.id for story in stories[:3]]
    job = bulk(memory, "stop", wf_run_ids=(*ids, ids[0], "nobody")).completes(
        done=3, WF_RUN_UNKNOWN=1
    )
    assert [refusal.wf_run_id for refusal in job.state.refusals] == ["nobody"]
    assert [story.run.status for story in stories] == ["HALTED"] * 3 + ["RUNNING"] * 3


def test_runs_below_others_are_left_out_unless_they_are_wanted(memory: Driver) -> None:
    """They belong to a family; an id names one whatever it is."""
    register(memory, "waits", chain(event("go")))
    ids = ["a", "a-b", "a.c", "a.c.d", "a-b.c", "b"]
    for wf_run_id in ids:
        parent, _, own = wf_run_id.rpartition(".")
        accepted(memory, RunWf(wf_spec="waits", wf_run_id=own or wf_run_id, parent=parent or None))
    accepted(memory, PutExternalEvent(wf_run_id="to-come", event_def="go"))
    accepted(memory, PutExternalEvent(wf_run_id="to-come.too", event_def="go"))
    assert bulk(memory, "stop", all=True).completes(done=3).state.counts.looked == 3
    halted = [of for of in ids if Story(memory, of).run.status == "HALTED"]
    assert halted == ["a", "a-b", "b"]
    bulk(memory, "stop", wf_run_ids=("a.c",)).completes(done=1)
    job = bulk(memory, "stop", wf_spec="waits", children=True).completes(done=6)
    assert job.state.counts.looked == 6


def test_runs_that_are_started_later_are_not_touched(memory: Driver) -> None:
    """Or a job might never end: also not those of a partition that begins later."""
    register(memory, "waits", chain(event("go")))
    first = run(memory, "waits")
    answers = memory.send_together(
        command("stop", wf_spec="waits"),
        *(RunWf(wf_spec="waits", wf_run_id=f"late-{number}") for number in range(9)),
    )
    assert all(answer.ok for answer in answers)
    memory.pass_ms(5)
    younger = run(memory, "waits")
    Job(memory, answers[0].body["bulk_id"]).is_now("COMPLETED")
    first.is_now("HALTED")
    younger.is_now("RUNNING")


@pytest.mark.parametrize("verb", ["stop", "pause"])
def test_a_tenant_sees_only_its_own_runs(memory: Driver, verb: str) -> None:
    """Nor its jobs."""
    for tenant in ("default", "other"):
        for definition in (
            PutExternalEventDef(name="go"),
            PutWfSpec(name="waits", spec=chain(event("go"))),
            RunWf(wf_spec="waits", wf_run_id="same"),
        ):
            accepted(memory, definition, tenant=tenant)
    job = bulk(memory, verb, tenant="other", all=True).completes(done=1)
    assert job.state.counts.looked == 1
    assert memory.get(WfRun, "same", tenant="other").status == "HALTED"  # type: ignore[union-attr]
    Story(memory, "same").is_now("RUNNING")
    refused(memory, CancelBulk(bulk_id=job.id), "BULK_UNKNOWN")


def test_failed_runs_are_rescued_or_restarted(memory: Driver) -> None:
    """With the arguments of the verb's command."""
    register(memory, "works", chain(task("work"), task("more")))
    stories = {story.id: story for story in some(memory, "works", 6)}
    for one in memory.tasks("work", 99):
        stories[one.wf_run_id]._task = one
        stories[one.wf_run_id].fails().ends_with("TASK_FAILURE")
    ids = sorted(stories)
    arguments = {"skip_current_node": True}
    bulk(memory, "rescue", arguments=arguments, wf_run_ids=tuple(ids[:3])).completes(done=3)
    assert [stories[of].thread.node for of in ids] == ["n2"] * 3 + ["n1"] * 3
    failed = (ThreadStatus.ERROR,)
    assert bulk(memory, "restart", status=failed).completes(done=3).state.counts.matched == 3
    assert len(memory.tasks("work", 99)) == 3


def test_ended_runs_are_deleted(memory: Driver) -> None:
    """Nothing of them is left; live ones are told."""
    register(memory, "waits", chain(event("go")))
    stories = some(memory, "waits", 7)
    for story in stories[:5]:
        story.gets("go").completes()
    bulk(memory, "delete", wf_spec="waits").completes(done=5, WF_RUN_LIVE=2)
    memory.pass_ms(1)
    assert all(memory.rows_of_run(story.id) == {} for story in stories[:5])
    bulk(memory, "kill", arguments={"deadline_ms": 0}, wf_spec="waits").completes(done=2)
    bulk(memory, "delete", wf_spec="waits").completes(done=2)


def test_a_run_that_is_being_deleted_is_not_there(memory: Driver) -> None:
    """Nor are the runs below it."""
    register(memory, "parent", chain(event("go")))
    run(memory, "parent", "gone")
    accepted(memory, RunWf(wf_spec="parent", wf_run_id="child", parent="gone"))
    for of in ("gone.child", "gone"):
        Story(memory, of).is_killed(0)
    named = ("gone", "gone.child")
    memory.send_together(
        command("delete", wf_run_ids=("gone",)), command("set-labels", wf_run_ids=named)
    )
    bulk(memory, "set-labels", wf_run_ids=named).completes(done=0, WF_RUN_UNKNOWN=2)


def test_tasks_in_backoff_are_tried_again_at_once(memory: Driver) -> None:
    """All of a run, in whichever of its threads; a run without one is told."""
    shaky = task("shaky", max_attempts=3, backoff={"base_ms": 3_600_000})
    made = threads(chain(starts("child"), starts("child"), shaky), child=chain(shaky))
    register(memory, "works", made)
    register(memory, "waits", chain(event("go")))
    stories = [run(memory, "works"), run(memory, "waits"), run(memory, "works")]
    by_id = {story.id: story for story in stories}
    for one in memory.tasks("shaky", 99):
        by_id[one.wf_run_id]._task = one
        by_id[one.wf_run_id].fails()
    assert memory.tasks("shaky", 99) == []
    bulk(memory, "retry-now", all=True).completes(done=2, TASK_NOT_IN_BACKOFF=1)
    assert sorted(one.attempt for one in memory.tasks("shaky", 99)) == [2] * 6
    assert {entry.verb for entry in memory.scan(AuditEntry, stories[0].id)} == {"RetryNow"}


def test_runs_are_migrated_together(memory: Driver) -> None:
    """To the newest version; one that has ended well is told."""
    register(memory, "waits", chain(event("go")))
    ended, stories = run(memory, "waits").gets("go").completes(), some(memory, "waits", 5)
    register(memory, "waits", chain(event("go"), sleeps(1)))
    bulk(memory, "migrate", wf_spec="waits").completes(done=5, WF_RUN_ENDED=1)
    assert [story.run.version for story in (ended, *stories)] == [1, 2, 2, 2, 2, 2]
    for story in stories:
        story.gets("go")
        memory.pass_ms(1_000)
        story.completes()


def test_runs_are_replayed_together(memory: Driver) -> None:
    """Each into a run of its own, which the job does not look at."""
    register(memory, "works", chain(task("work")))
    stories = [run(memory, "works").task("work").fails().is_now("ERROR") for _ in range(3)]
    bulk(memory, "replay", status=(ThreadStatus.ERROR,)).completes(done=3)
    replays = [Story(memory, one.wf_run_id).run.replay for one in memory.tasks("work", 99)]
    assert len(replays) == 3
    assert {replay.of for replay in replays if replay} == {story.id for story in stories}


def test_the_same_request_again_is_the_same_job(memory: Driver) -> None:
    """By the command id, also when the job has ended; another request under it is refused."""
    register(memory, "waits", chain(event("go")))
    story = run(memory, "waits")
    asked = command("stop", wf_spec="waits")
    first = accepted(memory, asked, command_id="bulk-1")
    Job(memory, first.body["bulk_id"]).completes(done=1)
    story.is_resumed()
    for _ in range(2):
        again = accepted(memory, asked, command_id="bulk-1")
        assert (again.repeated, again.body) == (True, first.body)
        other = command("pause", wf_spec="waits")
        refused(memory, other, "COMMAND_ID_REUSED", command_id="bulk-1")
        memory.pass_ms(ANSWER_WINDOW_MS + 1)  # then by the job itself
        memory.tick()
    story.is_now("RUNNING")


def test_a_cancelled_job_goes_no_further(memory: Driver) -> None:
    """What it has done stays done, and is counted."""
    register(memory, "waits", chain(event("go")))
    stories = some(memory, "waits", 90)
    job = bulk(memory, "stop", all=True)
    memory.pass_ms(1)
    assert job.state.status == "RUNNING"
    job.is_cancelled().is_now("CANCELLED")
    halted = [story for story in stories if story.run.status == "HALTED"]
    assert 3 < len(halted) < 90
    assert job.state.counts.done == len(halted)
    assert (job.state.cancelled_by, job.state.ended_ms is None) == ("test", False)
    assert job.state.cancelling_ms is not None and job.state.ended_ms is not None
    assert job.state.cancelling_ms <= job.state.ended_ms
    memory.pass_ms(1_000)
    assert [story for story in stories if story.run.status == "HALTED"] == halted
    refused(memory, CancelBulk(bulk_id=job.id), "BULK_ENDED")
    refused(memory, CancelBulk(bulk_id="no-such-job"), "BULK_UNKNOWN")
    refused(memory, CancelBulk(bulk_id="not an id"), "BAD_ID")


def test_a_job_is_cancelled_once(memory: Driver) -> None:
    """Also when the parts have not answered yet."""
    [asked, *cancelled] = memory.send_together(
        command("stop", all=True), *(CancelBulk(bulk_id=_first_id(memory)) for _ in range(2))
    )
    assert [answer.repeated for answer in (asked, *cancelled)] == [False, False, True]
    Job(memory, asked.body["bulk_id"]).is_now("CANCELLED", done=0)


def _first_id(driver: Driver) -> str:
    """The id of the job that the next command asks for."""
    return derive_guid("bulk", "default", f"c{driver._ids + 1}")


def test_an_ended_job_is_forgotten_after_a_while(memory: Driver) -> None:
    """And nothing of it is left on any partition."""
    register(memory, "waits", chain(event("go")))
    run(memory, "waits")
    job = bulk(memory, "stop", all=True).completes(done=1)
    memory.pass_ms(BULK_KEPT_MS - 60_000)
    assert job.state.status == "COMPLETED"
    memory.pass_ms(61_000)
    assert all(memory.everywhere(kind) == [] for kind in ROWS_OF_BULK)
    assert memory.everywhere(Timer) == []


def test_each_verb_has_a_name_and_a_command() -> None:
    """Those of the routes."""
    names = ("stop", "resume", "pause", "kill", "restart", "rescue", "delete", "set-labels")
    assert {*names, "retry-now"} <= set(VERBS)
