"""Deletion of a run with its child runs, row by row: what lies outside of their rows goes, too."""

import pytest

from penstock.core.definitions.defs import HeldTask
from penstock.core.flow.load import is_being_deleted, is_there
from penstock.core.limits import ANSWER_WINDOW_MS
from penstock.core.operators.deletion import begin_deletion, fire_delete
from penstock.core.state.partition_state import DeletedRun, Deleting, PartitionState, Shard
from penstock.core.state.rows import NoRows, Row, Rows
from penstock.core.state.run import (
    NodeRun,
    TaskAttempt,
    TaskRun,
    TimerKey,
    Variable,
    WfRun,
)
from penstock.core.state.timers import Clock, Timer, TimerKind, set_timer
from penstock.core.state.transitions import NodeStatus, TaskStatus, ThreadStatus
from penstock.core.state.turn import Turn

PENDING = TaskStatus.TASK_PENDING


def a_turn() -> Turn:
    """A turn on an empty store."""
    turn = Turn(Rows(NoRows()), Shard(0, 1), 7, PartitionState())
    turn.tenant = "t"
    return turn


def a_run(run_id: str, retention: TimerKey | None = None) -> WfRun:
    """A run that has ended."""
    return WfRun(
        "t", run_id, "spec", 1, 0, b"", ThreadStatus.COMPLETED, 0, ended_ms=1, retention=retention
    )


def a_held_task(run_id: str) -> TaskRun:
    """A task that waits for its topic."""
    attempt = TaskAttempt(1, PENDING, 0)
    return TaskRun("t", run_id, "guid", 0, 1, "work", PENDING, 1, 1_000, None, {}, attempt)


def rows_left(turn: Turn) -> list[Row]:
    """All that is there, but for the queue of work that is put off."""
    pending = Clock.PENDING
    rows = [row for row in turn.rows.changes().values() if row is not None]
    return [row for row in rows if not (isinstance(row, Timer) and row.clock == pending)]


@pytest.mark.parametrize("rows_a_turn", [1, 2, 100])
def test_child_runs_and_what_they_have_set_up_go_as_well(rows_a_turn: int) -> None:
    """In chunks of any size; runs whose ids only look alike stay."""
    turn = a_turn()
    due = TimerKind.RETENTION
    key = set_timer(turn, due, "a.b", clock=Clock.DURATION, due_ms=9, detail="", number=0)
    node_timer = set_timer(
        turn, TimerKind.NODE, "a.b.c", clock=Clock.DURATION, due_ms=5, detail="0", number=1
    )
    stays = [a_run("a-b"), a_run("ab"), a_run("a_b")]
    node = NodeRun("t", "a.b.c", 0, 1, "n", "SLEEP", NodeStatus.RUNNING, timer=node_timer)
    goes = [
        a_run("a.b", key),
        a_run("a.b.c"),
        node,
        a_held_task("a.b"),
        Variable("t", "a", 0, "v", 1),
    ]
    for row in (a_run("a"), *goes, *stays, HeldTask("t", "work", "a.b", "guid")):
        turn.rows.put(row)
    begin_deletion(turn, a_run("a"), "test")
    assert is_being_deleted(turn, "a.b.c")
    assert not is_there(turn, "a.b")
    assert is_there(turn, "a-b")
    for _ in range(20):
        if turn.rows.peek(Deleting, "t", "a") is None:
            break
        turn.nodes_left = rows_a_turn
        fire_delete(turn, Timer(Clock.PENDING, 0, "t", "a", TimerKind.DELETE_RUN, "", 0))
    assert rows_left(turn) == stays
    assert turn.state.deleting == 0


def test_a_clock_that_jumped_back_holds_no_id_for_longer_than_the_window() -> None:
    """A run that is to start in a hundred years is deleted now."""
    turn = a_turn()
    run = a_run("a")
    run.request_hash, run.started_ms = b"hash", 100 * 365 * 24 * 3_600_000
    turn.rows.put(run)
    begin_deletion(turn, run, "test")
    [kept] = [row for row in turn.rows.changes().values() if isinstance(row, DeletedRun)]
    assert kept.wf_run_id == "a"
    assert turn.state.next_due_ms[Clock.DURATION] == ANSWER_WINDOW_MS
