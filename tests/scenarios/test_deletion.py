"""DeleteWfRun and retention: nothing of a run is left behind, once nobody sends its start again."""

from typing import Any

import pytest

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.limits import ANSWER_WINDOW_MS, DELETION_PASSED_MAX
from penstock.core.operators import deletion
from penstock.core.state.keys import PARTITION_PREFIX
from penstock.core.state.outputs import WfRunDeleted
from penstock.core.state.partition_state import (
    AnswerExpiry,
    CommandAnswer,
    DeletedRun,
    Deleting,
    InChannel,
    OutChannel,
    PartitionState,
)
from penstock.core.state.run import WfRun
from penstock.core.state.search_rows import RunBegun
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.windows import CountWindow
from penstock.store.port import META
from tests.controls import (
    chain,
    declared,
    event,
    interrupted,
    literal,
    nop,
    output_of,
    sleeps,
    starts,
    starts_each,
    task,
    threads,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run

BOOKKEEPING = (PartitionState, CommandAnswer, AnswerExpiry, InChannel, OutChannel, CountWindow)


def what_is_left(driver: Driver) -> set[bytes]:
    """Keys of all rows of all partitions, but for the clock, the answers and what was counted."""
    known = tuple(PARTITION_PREFIX + kind.KIND for kind in BOOKKEEPING)
    return {
        key
        for number in driver.processor.owned()
        for key in driver.keys_of_partition(number, META)
        if not key.startswith(known)
    }


def nothing_is_left_but(driver: Driver, before: set[bytes]) -> None:
    """Of each run that was deleted, the answer to its start is there until the window of answers is
    over; then the store is as it was before.
    """
    answers = len(driver.everywhere(DeletedRun))
    assert len(what_is_left(driver) - before) == 2 * answers  # each with its timer
    driver.pass_ms(ANSWER_WINDOW_MS)
    assert what_is_left(driver) == before


def is_deleted(story: Story) -> None:
    """An operator deletes the run; whatever turns it takes have passed."""
    accepted(story.driver, DeleteWfRun(wf_run_id=story.id))
    for _ in range(40):
        if not story.driver.everywhere(Deleting):
            return
        story.driver.tick()
    raise AssertionError("the deletion does not end")


def test_a_deleted_run_leaves_nothing_behind(memory: Driver) -> None:
    """The store is as if the run had never been."""
    main = interrupted(
        chain(
            starts("sleeps"),
            starts("shaky"),
            starts("waits"),
            event("go"),
            waits_for(output_of("n1"), output_of("n2")),
            variables=(declared("text", "STR", default="x"),),
        ),
        hey="handles",
    )
    shaky = chain(task("shaky", max_attempts=2, backoff={"base_ms": 60_000}))
    made = threads(
        main,
        sleeps=chain(sleeps(99)),
        shaky=shaky,
        waits=chain(event("other", timeout_ms=9_999)),
        handles=chain(task("slow")),
    )
    register(memory, "much", made, PutExternalEventDef(name="later"))
    before = what_is_left(memory)
    story = run(memory, "much", "a-run")
    story.task("shaky").fails().gets("hey").task("slow").starts().gets("later", guid="g")
    story.is_stopped().is_resumed().succeeds()
    assert len(what_is_left(memory)) > len(before) + 20
    story.is_killed(0).ends_with("KILLED")
    is_deleted(story)
    assert len(memory.everywhere(DeletedRun)) == 1
    nothing_is_left_but(memory, before)
    [state] = {row.deleting for row in memory.everywhere(PartitionState)}
    assert state == 0
    [gone] = [told for told in memory.events() if isinstance(told, WfRunDeleted)]
    assert (gone.wf_run_id, gone.wf_spec, gone.principal) == ("a-run", "much", "test")


def test_what_is_at_work_in_an_ended_run_goes_with_it(memory: Driver) -> None:
    """A task with a worker, a sleep, a backoff: their timers lie outside of the run."""
    main = chain(starts("slow"), starts("sleeps"), starts("shaky"), task("bad"))
    shaky = chain(task("shaky", max_attempts=2, backoff={"base_ms": 60_000}))
    made = threads(main, slow=chain(task("slow")), sleeps=chain(sleeps(99)), shaky=shaky)
    register(memory, "much", made)
    before = what_is_left(memory)
    story = run(memory, "much").task("slow").starts()
    late = story.report("TASK_SUCCESS")
    story.task("shaky").fails().task("bad").fails().ends_with("TASK_FAILURE")
    assert len(memory.everywhere(Timer)) == 3
    is_deleted(story)
    nothing_is_left_but(memory, before)
    refused(memory, late, "TASK_RUN_UNKNOWN")


def test_a_run_of_many_rows_is_deleted_in_chunks(memory: Driver) -> None:
    """Others progress meanwhile; until the last chunk its id is refused, and it is free when the
    window of answers is over.
    """
    child = chain(event("go"), variables=(declared("n", "INT", default=1),))
    main = chain(starts_each("child", literal([0] * 800)), waits_for(output_of("n1")))
    register(memory, "many", threads(main, child=child))
    register(memory, "one", chain(task("one")))
    before = what_is_left(memory)
    story = run(memory, "many", "big").is_killed()
    for _ in range(5):
        memory.tick()
    story.ends_with("KILLED")
    again = RunWf(wf_spec="one", wf_run_id="big")
    put = PutExternalEvent(wf_run_id="big", event_def="go")
    delete = DeleteWfRun(wf_run_id="big")
    answers = memory.send_together(delete, again, put, delete)
    deleting = "WF_RUN_DELETING"
    assert [answer.code for answer in answers] == [None, deleting, deleting, deleting]
    assert memory.everywhere(Deleting) == []
    refused(memory, again, "ALREADY_EXISTS")
    nothing_is_left_but(memory, before)
    accepted(memory, again)
    Story(memory, "big").task("one").succeeds().completes()


def test_the_chunks_do_not_depend_on_batches(memory: Driver) -> None:
    """Two runs with ids that share a beginning; only one of them goes (I1: each scenario ends with
    a fold of the log in other batches).
    """
    register(memory, "waits", chain(event("go")))
    runs = [run(memory, "waits", run_id) for run_id in ("a", "a-b", "ab", "a_c")]
    for story in runs:
        story.gets("go").completes()
    begun = RunBegun.of("default", "a", runs[0].run.started_ms).own_key()
    kept = {key for key in what_is_left(memory) if b"ra\x00" not in key} - {begun}
    is_deleted(runs[0])
    nothing_is_left_but(memory, kept)
    for story in runs[1:]:
        story.completes()


def test_only_a_run_that_has_ended_is_deleted(memory: Driver) -> None:
    """A live one is to be killed first; an unknown one, and a deleted one, are not there."""
    register(memory, "one", chain(task("one")))
    story = run(memory, "one").task("one")
    story.refuses(DeleteWfRun(wf_run_id=story.id), "WF_RUN_LIVE")
    refused(memory, DeleteWfRun(wf_run_id="no-such-run"), "WF_RUN_UNKNOWN")
    story.succeeds().completes()
    is_deleted(story)
    refused(memory, DeleteWfRun(wf_run_id=story.id), "WF_RUN_UNKNOWN")
    refused(memory, StopWfRun(wf_run_id=story.id), "WF_RUN_UNKNOWN")


def kept_for(seconds: int, *nodes: object) -> dict[str, object]:
    """A spec whose runs are deleted so long after their end."""
    return chain(*nodes) | {"retention": {"after_termination_s": seconds}}  # type: ignore[arg-type]


def test_retention_deletes_a_run_some_time_after_its_end(memory: Driver) -> None:
    """And only then."""
    register(memory, "short", kept_for(60, task("one")))
    before = what_is_left(memory)
    story = run(memory, "short").task("one").succeeds().completes()
    memory.pass_ms(59_999)
    story.completes()
    memory.pass_ms(1)
    memory.tick()
    assert memory.get(WfRun, story.id) is None
    nothing_is_left_but(memory, before)


def test_a_rescue_keeps_the_run(memory: Driver) -> None:
    """The time begins anew at its next end."""
    register(memory, "short", kept_for(60, task("one")))
    story = run(memory, "short").task("one").fails().ends_with("TASK_FAILURE").is_rescued()
    assert [timer.kind for timer in memory.everywhere(Timer)] == []
    memory.pass_ms(70_000)
    story.task("one").succeeds().completes()
    memory.pass_ms(60_000)
    memory.tick()
    assert memory.get(WfRun, story.id) is None


def test_a_deletion_by_hand_drops_the_timer(memory: Driver) -> None:
    """A new run with the same id is not deleted by the old one's."""
    register(memory, "short", kept_for(60, task("one")))
    story = run(memory, "short", "again").task("one").succeeds().completes()
    is_deleted(story)
    assert [timer.kind for timer in memory.everywhere(Timer)] == [TimerKind.FORGET_RUN]


def test_a_retention_that_is_no_duration_is_refused(memory: Driver) -> None:
    """By name."""
    refused(memory, PutWfSpec(name="bad", spec=kept_for(-1, event("go"))), "BAD_SPEC")


def test_a_defect_in_a_deletion_does_not_hold_the_id_for_ever(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ruled on (R6): the rows go without what is done besides."""
    known = deletion.delete_row

    def broken(turn: Any, key: bytes, *, bluntly: bool) -> None:
        if not bluntly:
            raise ZeroDivisionError
        known(turn, key, bluntly=bluntly)

    monkeypatch.setattr(deletion, "delete_row", broken)
    register(memory, "quick", chain(returns=literal(1)))
    story = run(memory, "quick").completes(1)
    accepted(memory, DeleteWfRun(wf_run_id=story.id))
    memory.tick()
    assert memory.everywhere(Deleting) == []
    assert story.rows() == []
    memory.pass_ms(ANSWER_WINDOW_MS)
    run(memory, "quick", story.id).completes(1)


@pytest.mark.parametrize("broken_rows", [1, 3, 20])
def test_a_row_that_can_not_be_deleted_is_left_and_no_other(
    memory: Driver, monkeypatch: pytest.MonkeyPatch, broken_rows: int
) -> None:
    """If deleting it bluntly is a defect as well, it is passed over, as long as they are few."""
    known = deletion.delete_row
    register(memory, "quick", chain(*(nop() for _ in range(30)), returns=literal(1)))
    story = run(memory, "quick").completes(1)
    keys = {row.own_key() for row in story.nodes[:broken_rows]}

    def broken(turn: Any, key: bytes, *, bluntly: bool) -> None:
        if not bluntly or key in keys:
            raise ZeroDivisionError
        known(turn, key, bluntly=bluntly)

    monkeypatch.setattr(deletion, "delete_row", broken)
    accepted(memory, DeleteWfRun(wf_run_id=story.id))
    memory.tick()
    assert memory.everywhere(Deleting) == []
    left = {row.own_key() for row in story.rows()}
    if broken_rows <= DELETION_PASSED_MAX:
        assert left == keys
    else:
        assert keys < left, "so many defects end it"
    told = [one for one in memory.events() if isinstance(one, WfRunDeleted)]
    assert [one.wf_run_id for one in told] == [story.id]
    monkeypatch.undo()
    memory.pass_ms(ANSWER_WINDOW_MS)
    is_deleted(run(memory, "quick", story.id).completes(1))
    assert story.rows() == [], "what was left goes with the next run of this id"
