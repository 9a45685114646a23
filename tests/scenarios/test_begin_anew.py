"""A node whose failure has the run begun anew: another one takes its place."""

from __future__ import annotations

from typing import Any

from penstock.core.commands.change_wf_run_state import ChangeWfRunState
from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.delete_wf_spec import DeleteWfSpec
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.skip_node import SkipNode
from penstock.core.state.facts import AuditEntry
from penstock.core.state.place_rows import LimitState, PlaceHolder, QueuedRun
from penstock.core.state.replay_rows import ReplayOf
from penstock.core.state.run import TaskRun
from penstock.core.state.start_rows import EndState
from penstock.core.state.thread_rows import ChildRun
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.transitions import TaskStatus
from tests.controls import (
    Json,
    chain,
    declared,
    edge,
    ends,
    event,
    handled,
    literal,
    may_fail,
    output_of,
    runs,
    sleeps,
    spec,
    starts,
    task,
    threads,
    throws,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run
from tests.scenarios.test_child_runs import runs as runs_child
from tests.scenarios.test_child_runs import waits_for_run

LATER = {"max_attempts": 3, "backoff": {"base_ms": 5_000, "multiplier": 2.0}}


def again(node: Json, **policy: Any) -> Json:
    """The node, whose failure has the run begun anew."""
    return node | {"begin_anew": {"max_attempts": 2} | policy}


def busy(driver: Driver, **settings: Any) -> None:
    """A run with a task beside the one that has it begun anew."""
    main = chain(starts("slow"), again(task("work")))
    register(driver, "busy", threads(main, slow=chain(task("slow", **settings))))


def superseded(story: Story) -> Story:
    """The run has ended, to be begun anew."""
    story.driver.tick()
    return story.ends_with("SUPERSEDED")


def successors(story: Story) -> list[Story]:
    """The runs that have taken the run's place."""
    begun = [row for row in story.driver.scan(AuditEntry, story.id) if row.verb == "BeginAnew"]
    taken = [Story(story.driver, row.detail["wf_run_id"]) for row in begun]
    for other in taken:
        assert other.run.replay is not None
        assert other.run.replay.of == story.id
    return taken


def successor(story: Story) -> Story:
    """The one that has taken the run's place, or comes to."""
    superseded(story).driver.tick()
    story.wait(lambda: len(successors(story)) == 1, f"{story.id} to be begun anew")
    return successors(story)[0]


def test_another_run_takes_the_place_of_one_that_has_failed(driver: Driver) -> None:
    """With its inputs, labels and version, whatever has become of them; so often, and no more."""
    nodes = {
        "one": task("ask", edge("two", n=literal(7))),
        "two": again(task("work"), max_attempts=3) | {"edges": [edge("end")]},
        "end": ends(variable("n")),
    }
    register(driver, "counts", spec("one", nodes, declared("n", "INT", default=1)))
    first = run(driver, "counts", n=5).task("ask").succeeds().task("work").fails("bad day")
    second = successor(first)
    assert first.thread.failure is not None
    assert "bad day" in first.thread.failure.message
    assert second.run.version == first.run.version
    assert second.value("n") == 5
    second.task("ask").succeeds().task("work").fails()
    third = successor(second)
    began_ms = first.run.started_ms
    assert third.run.replay == ReplayOf(second.id, first.id, 3, None, began_ms)
    third.task("ask").succeeds().task("work").fails().ends_with("TASK_FAILURE")
    assert successors(third) == []
    assert driver.everywhere(Timer) == []


def test_it_waits_until_its_time_has_come(memory: Driver) -> None:
    """From the failure on, longer each time; nobody handles what ends the run."""
    main = chain(handled(runs("body"), ("heal", None)))
    spec_ = threads(main, body=chain(again(task("work"), **LATER)), heal=chain(task("medicine")))
    register(memory, "waits", spec_)
    first = superseded(run(memory, "waits").task("work").fails())
    memory.pass_ms(4_999)
    assert successors(first) == []
    memory.pass_ms(1)
    second = successor(first).task("work").fails()
    superseded(second.no_task("medicine"))
    memory.pass_ms(9_999)
    assert successors(second) == []
    memory.pass_ms(1)
    successor(second).task("work").fails().task("medicine")


def test_until_then_nobody_says_how_it_has_ended(memory: Driver) -> None:
    register(memory, "waits", chain(again(task("work"), **LATER)))
    first = superseded(run(memory, "waits").task("work").fails())
    said = ChangeWfRunState(wf_run_id=first.id, state=EndState.COMPLETED)
    first.refuses(said, "WF_RUN_LIVE")
    memory.pass_ms(5_000)
    successor(first)
    accepted(memory, said)
    assert first.run.counts_as == "COMPLETED"


def test_none_begins_too_late(memory: Driver) -> None:
    """Counted from the first one's start, over all of them."""
    again_ = again(task("work"), max_attempts=9, backoff={"base_ms": 1_000}, within_ms=2_500)
    register(memory, "brief", chain(again_))
    story = run(memory, "brief").task("work")
    memory.pass_ms(400)
    for _ in range(2):
        superseded(story.fails())
        memory.pass_ms(1_000)
        story = successor(story).task("work")
    story.fails().ends_with("TASK_FAILURE")


def test_attempts_of_the_task_come_first(memory: Driver) -> None:
    """A run is begun anew when there are none left; with a failure that is allowed, too."""
    register(memory, "both", chain(again(may_fail(task("work", max_attempts=2)))))
    first = run(memory, "both").task("work").fails().is_now("RUNNING").task("work").fails()
    second = successor(first).task("work").fails().task("work").fails().completes()
    assert second.run.warned


def test_other_threads_end_as_by_a_kill(driver: Driver) -> None:
    """A task with a worker is waited for, and its worker asked to stop; the new run begins then."""
    main = chain(starts("slow"), starts("queued"), starts("sleeps"), again(task("work")))
    others = {"slow": chain(task("slow")), "queued": chain(task("queued"))}
    register(driver, "busy", threads(main, **others, sleeps=chain(sleeps(99))))
    first = run(driver, "busy").task("slow").starts()
    slow = first.taken
    first.task("work").fails()
    driver.tick()
    first.is_now("HALTING")

    def stops() -> list[str]:
        return [signal.stop for signal in driver.signals() if signal.worker]

    first.wait(lambda: stops() == ["cancel"], "the signal to the worker")
    assert successors(first) == []
    first.has(slow).is_handed_back()
    second = successor(first)
    statuses = {row.task_def: row.status for row in driver.scan(TaskRun, first.id)}
    assert statuses == {
        "slow": TaskStatus.TASK_CANCELLED,
        "queued": TaskStatus.TASK_CANCELLED,
        "work": TaskStatus.TASK_FAILED,
    }
    second.task("slow")
    assert len(successors(first)) == 1


def test_a_run_that_has_ended_is_not_begun_anew(memory: Driver) -> None:
    """A thread of it may still have a task with a worker, which fails when the run has said what it
    means to say: that stays said, and nothing of a kill is left behind.
    """
    main = chain(starts("slow"), task("work"))
    register(memory, "said", threads(main, slow=chain(again(task("slow")))))
    story = run(memory, "said").task("slow").starts()
    slow = story.taken
    story.task("work").throws("sorry").is_now("EXCEPTION")
    story.has(slow).fails().ends_with("sorry", "EXCEPTION")
    memory.tick()
    assert successors(story) == []
    assert [row for row in memory.everywhere(Timer) if row.wf_run_id == story.id] == []


def test_a_worker_that_is_gone_is_waited_for_until_the_deadline(memory: Driver) -> None:
    """However long ago the run was to be begun anew."""
    busy(memory, timeout_ms=600_000)
    first = run(memory, "busy").task("slow").starts().task("work").fails()
    memory.pass_ms(59_000)
    assert successors(first) == []
    memory.pass_ms(1_000)
    successor(first).task("slow")


def test_a_run_that_is_superseded_and_killed_meanwhile_is_killed(memory: Driver) -> None:
    """Nothing takes its place."""
    busy(memory)
    story = run(memory, "busy").task("slow").starts().task("work").fails()
    story.is_killed(5_000).is_now("HALTING")
    memory.pass_ms(5_000)
    story.ends_with("KILLED")
    memory.pass_ms(60_000)
    assert successors(story) == []
    assert memory.everywhere(Timer) == []


def test_a_kill_calls_it_off(driver: Driver) -> None:
    """The run, which waits for it, was killed; after that there is nothing to be killed."""
    register(driver, "later", chain(again(task("work"), **LATER)))
    story = superseded(run(driver, "later").task("work").fails())
    story.is_killed().ends_with("KILLED")
    driver.pass_ms(5_000)
    assert successors(story) == []
    assert driver.everywhere(Timer) == []
    story.refuses(KillWfRun(wf_run_id=story.id), "WF_RUN_ENDED")


def test_one_that_was_begun_anew_is_not_killed_any_more(memory: Driver) -> None:
    """Its successor is."""
    register(memory, "twice", chain(again(task("work"))))
    first = run(memory, "twice").task("work").fails()
    second = successor(first)
    first.refuses(KillWfRun(wf_run_id=first.id), "WF_RUN_ENDED")
    second.is_killed().ends_with("KILLED")


def test_a_deletion_calls_it_off(memory: Driver) -> None:
    register(memory, "later", chain(again(task("work"), **LATER)))
    story = superseded(run(memory, "later").task("work").fails())
    accepted(memory, DeleteWfRun(wf_run_id=story.id))
    memory.pass_ms(5_000)
    assert story.rows() == []
    assert successors(story) == []
    assert [row.kind for row in memory.everywhere(Timer)] == [TimerKind.FORGET_RUN]


def test_a_restart_calls_it_off(memory: Driver) -> None:
    """The run itself goes on, and may be begun anew once more."""
    register(memory, "later", chain(again(task("work"), **LATER)))
    story = superseded(run(memory, "later").task("work").fails())
    story.is_begun_again().is_now("RUNNING")
    memory.pass_ms(5_000)
    assert successors(story) == []
    superseded(story.task("work").fails())
    memory.pass_ms(5_000)
    successor(story).task("work").succeeds().completes()


def test_retention_waits_for_it(memory: Driver) -> None:
    """A run that is to be begun anew is needed for that."""
    retained = chain(again(task("work"), **LATER)) | {"retention": {"after_termination_s": 1}}
    register(memory, "brief", retained)
    story = superseded(run(memory, "brief").task("work").fails())
    memory.pass_ms(5_000)
    successor(story)
    memory.pass_ms(3_600_000)
    assert story.rows() == []


def test_a_run_below_another_is_not_begun_anew(driver: Driver) -> None:
    """Who waits for it, waits for this one; the parent may be begun anew for it."""
    register(driver, "child", chain(again(task("work"))))
    main = chain(runs_child("child"), again(waits_for_run(output_of("n1"))))
    register(driver, "parent", main)
    story = run(driver, "parent")
    [task_] = driver.tasks("work")
    Story(driver, task_.wf_run_id).has(task_).fails().ends_with("TASK_FAILURE")
    second = successor(story)
    [task_] = driver.tasks("work")
    assert task_.wf_run_id.startswith(second.id)


def test_runs_below_a_superseded_one_are_killed(memory: Driver) -> None:
    register(memory, "child", chain(event("go")))
    register(memory, "parent", chain(runs_child("child"), again(task("work"))))
    story = run(memory, "parent").task("work").fails()
    second = successor(story)
    [child] = memory.scan(ChildRun, story.id)
    Story(memory, child.child).ends_with("KILLED")
    second.task("work").succeeds().completes()


def test_its_place_goes_to_whoever_is_next(memory: Driver) -> None:
    """It is given back when the run has ended; the one that takes its place asks for one itself."""
    limited = chain(again(task("work"), **LATER)) | {"limit": {"most": 1}}
    register(memory, "few", limited)
    first, other = run(memory, "few"), run(memory, "few")
    assert other.run.held
    superseded(first.task("work").fails())
    assert not other.run.held
    memory.pass_ms(5_000)
    second = successor(first)
    assert second.run.held
    other.task("work").succeeds().completes()
    second.task("work").succeeds().completes()
    for kind in (LimitState, PlaceHolder, QueuedRun):
        assert memory.everywhere(kind) == []


def test_a_business_exception_is_a_reason_too(memory: Driver) -> None:
    register(memory, "thrown", chain(again(task("work"))))
    first = run(memory, "thrown").task("work").throws("no-funds")
    successor(first).task("work").throws("no-funds").ends_with("no-funds", "EXCEPTION")


def test_what_an_operator_has_ended_is_none(memory: Driver) -> None:
    """A task that was shut down was not wanted."""
    register(memory, "shut", chain(again(task("work"))))
    story = run(memory, "shut").task("work").starts().is_shut_down().is_handed_back()
    story.ends_with("TASK_CANCELLED")
    assert successors(story) == []


def test_a_run_that_can_not_be_begun_has_failed_for_good(memory: Driver) -> None:
    """And says why: its spec is gone."""
    register(memory, "gone", chain(again(task("work"), **LATER)))
    story = superseded(run(memory, "gone").task("work").fails())
    accepted(memory, DeleteWfSpec(name="gone", version=story.run.version))
    memory.pass_ms(5_000)
    story.ends_with("TASK_FAILURE")
    assert story.thread.failure is not None
    assert "SPEC_UNKNOWN" in story.thread.failure.message
    assert [row.verb for row in memory.scan(AuditEntry, story.id)] == ["BeginAnew:refused"]
    assert successors(story) == []


def test_nothing_moves_while_it_is_superseded(memory: Driver) -> None:
    """Verbs wait for its end."""
    busy(memory)
    story = run(memory, "busy").task("slow").starts().task("work").fails()
    story.refuses(SkipNode(wf_run_id=story.id, thread=1), "WF_RUN_BUSY")


def test_only_a_node_between_can_have_it(memory: Driver) -> None:
    """And a backoff must be one that can be waited for."""
    thrown = throws("no-way") | {"begin_anew": {"max_attempts": 2}}
    bad = PutWfSpec(name="bad", spec=spec("end", {"end": thrown}))
    assert "begin_anew" in refused(memory, bad, "BAD_SPEC").message
    waits = again(sleeps(1), backoff={"base_ms": -1})
    refused(memory, PutWfSpec(name="bad", spec=chain(waits)), "BAD_SPEC")


def test_nobody_throws_it(memory: Driver) -> None:
    refused(
        memory, PutWfSpec(name="bad", spec=spec("end", {"end": throws("SUPERSEDED")})), "BAD_SPEC"
    )
