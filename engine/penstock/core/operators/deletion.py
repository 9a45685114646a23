"""Deletion of a run, of its child runs, and of what lies outside of their rows, so many rows a turn
(R3). From the first row to the last the run is not there for anybody, and its id is refused (R10).

A kind of row that has set a timer, or has made a row that is not the run's own, says here how that
goes.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from penstock.core.flow.anew import drop_anew
from penstock.core.flow.correlation import forget_marker
from penstock.core.flow.family import is_live_below
from penstock.core.flow.kill_deadline import drop_kill_deadline
from penstock.core.flow.places import give_back
from penstock.core.flow.retention import drop_thread_retention
from penstock.core.flow.search_index import forget_indexed
from penstock.core.flow.starting import answer_to_start
from penstock.core.flow.unclaimed import drop_expiry
from penstock.core.limits import ANSWER_WINDOW_MS, DELETION_PASSED_MAX, RETENTION_AGAIN_MS
from penstock.core.state.correlation_rows import RunMarker
from penstock.core.state.event_rows import UnclaimedEvent
from penstock.core.state.keys import kind_of_run_key
from penstock.core.state.outputs import WfRunDeleted
from penstock.core.state.partition_state import DeletedRun, Deleting
from penstock.core.state.rows import Row, copy_of
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, WfRun
from penstock.core.state.run_kinds import ROWS_OF_RUNS
from penstock.core.state.search_rows import IndexedVariable, RunBegun
from penstock.core.state.task_rows import ROWS_OF_TASKS
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, drop_timer, set_timer
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import UserTaskRun
from penstock.core.tasks.attempts import drop_stop
from penstock.core.tasks.cancel import release
from penstock.core.user_tasks import user_tasks

KINDS: Final[dict[bytes, type[Row]]] = {kind.KIND: kind for kind in (*ROWS_OF_RUNS, *ROWS_OF_TASKS)}

BLUNTLY: Final = 1
"""The number of a timer whose rows go without a look at what lies outside of them."""
SINGLY: Final = 2
"""From this number on a timer finds a row, or deletes the one that was found, bluntly, too."""


def begin_deletion(turn: Turn, run: WfRun, principal: str) -> None:
    """Take the run away, and plan the deletion of all else."""
    turn.rows.put(Deleting(turn.tenant, run.wf_run_id, run.wf_spec, principal))
    turn.state.deleting += 1
    _forget_run(turn, run)
    turn.rows.delete(run)
    _go_on_later(turn, run.wf_run_id)


def fire_delete(turn: Turn, timer: Timer) -> None:
    """Delete as many rows as the turn allows."""
    rows, run_id = turn.rows, timer.wf_run_id
    deleting = rows.get(Deleting, turn.tenant, run_id)
    assert deleting is not None, "it stays until the last chunk"
    if timer.number >= SINGLY:
        _delete_singly(turn, deleting, timer.number)
        return
    limit = max(1, turn.nodes_left)
    keys = list(islice(rows.keys_of_run(turn.tenant, run_id, deleting.after), limit))
    for key in keys:
        delete_row(turn, key, bluntly=timer.number == BLUNTLY)
    turn.nodes_left -= min(turn.nodes_left, len(keys))
    if len(keys) == limit:
        deleting.after = keys[-1]
        rows.put(deleting)
        _go_on_later(turn, run_id)
        return
    _end(turn, deleting)


def _delete_singly(turn: Turn, deleting: Deleting, number: int) -> None:
    """Note a row, or delete the one that was noted: so that a defect is known to be in this row."""
    turn.nodes_left -= min(turn.nodes_left, 1)
    if deleting.row:
        delete_row(turn, deleting.row, bluntly=True)
        deleting.after, deleting.row = deleting.row, b""
    else:
        found = turn.rows.keys_of_run(turn.tenant, deleting.wf_run_id, deleting.after)
        deleting.row = next(found, b"")
        if not deleting.row:
            _end(turn, deleting)
            return
    turn.rows.put(deleting)
    _go_on_later(turn, deleting.wf_run_id, number + 1)


def _end(turn: Turn, deleting: Deleting) -> None:
    run_id = deleting.wf_run_id
    turn.rows.delete(deleting)
    turn.state.deleting -= 1
    gone = WfRunDeleted(
        wf_run_id=run_id,
        wf_spec=deleting.wf_spec,
        principal=deleting.principal,
        at_ms=turn.at_ms,
    )
    turn.tell(run_id, gone)


def fire_retention(turn: Turn, timer: Timer) -> None:
    """The run has been kept long enough."""
    run = turn.rows.get(WfRun, turn.tenant, timer.wf_run_id)
    if run is None or run.retention is None:
        return
    waits = run.anew is not None and run.anew.due_ms is not None
    if waits or is_live_below(turn, run.wf_run_id):
        kind, due_ms = TimerKind.RETENTION, clock_ms(turn, Clock.DURATION) + RETENTION_AGAIN_MS
        run.retention = set_timer(
            turn, kind, run.wf_run_id, clock=Clock.DURATION, due_ms=due_ms, detail="", number=0
        )
        turn.rows.put(run)
        return
    begin_deletion(turn, run, "retention")


def deletion_defective(turn: Turn, timer: Timer) -> None:
    """A defect was ruled on: these rows go without a look at what lies outside of them (a timer
    that finds no run does nothing). If that is a defect as well, they go one by one, and those that
    it is about are passed over. After a few of these, or if no row can be found, the deletion ends:
    the run was there for nobody since it began, and its id must not be refused for ever (R6).
    """
    deleting = turn.rows.get(Deleting, turn.tenant, timer.wf_run_id)
    if deleting is None:
        return
    if timer.number < SINGLY:
        _go_on_later(turn, timer.wf_run_id, timer.number + 1)
    elif deleting.row and deleting.passed < DELETION_PASSED_MAX:
        deleting.after, deleting.row = deleting.row, b""
        deleting.passed += 1
        turn.rows.put(deleting)
        _go_on_later(turn, timer.wf_run_id, timer.number + 1)
    else:
        _end(turn, deleting)


def delete_row(turn: Turn, key: bytes, *, bluntly: bool = False) -> None:
    """Delete a row of a run that is there, and what lies outside of the run for it."""
    kind = KINDS[kind_of_run_key(key)]
    forget = None if bluntly else _OUTSIDE.get(kind)
    if forget is not None:
        row = turn.rows.by_key(kind, key)
        assert row is not None, "its key was read"
        forget(turn, copy_of(row))
    turn.rows.delete_key(kind, key)


def _forget_run(turn: Turn, run: WfRun) -> None:
    give_back(turn, run)
    turn.rows.delete(RunBegun.of(run.tenant, run.wf_run_id, run.started_ms))
    _remember_start(turn, run)
    if run.retention is not None:
        kind = TimerKind.RETENTION
        drop_timer(turn, run.retention, kind, run.wf_run_id, detail="", number=0)
    drop_kill_deadline(turn, run)
    drop_anew(turn, run)


def _remember_start(turn: Turn, run: WfRun) -> None:
    """A start is known by its run, as long as that is there; then by this, for what is left of the
    window. No command has started a run without a `request_hash`.
    """
    age_ms = max(0, turn.at_ms - run.started_ms)  # a broker's clock may have jumped back
    left_ms = ANSWER_WINDOW_MS - age_ms
    if not run.request_hash or left_ms <= 0:
        return
    turn.rows.put(DeletedRun(turn.tenant, run.wf_run_id, answer_to_start(run)))
    kind, due_ms = TimerKind.FORGET_RUN, clock_ms(turn, Clock.DURATION) + left_ms
    set_timer(turn, kind, "", clock=Clock.DURATION, due_ms=due_ms, detail=run.wf_run_id, number=0)


def fire_forget(turn: Turn, timer: Timer) -> None:
    """The window of answers is over: the id of a deleted run is free."""
    deleted = turn.rows.peek(DeletedRun, turn.tenant, timer.detail)
    if deleted is not None:
        turn.rows.delete(deleted)


def _forget_thread(turn: Turn, thread: ThreadRun) -> None:
    drop_thread_retention(turn, thread)


def _forget_node(turn: Turn, node_run: NodeRun) -> None:
    if node_run.timer is not None:
        drop_timer(
            turn,
            node_run.timer,
            TimerKind.NODE,
            node_run.wf_run_id,
            detail=str(node_run.thread),
            number=node_run.position,
        )


def _forget_task(turn: Turn, task: TaskRun) -> None:
    release(turn, task)
    drop_stop(turn, task)
    if task.attempt.timer is not None:
        drop_timer(
            turn,
            task.attempt.timer,
            TimerKind.TASK_TIMEOUT,
            task.wf_run_id,
            detail=task.guid,
            number=task.attempt.number,
        )


def _go_on_later(turn: Turn, wf_run_id: str, number: int = 0) -> None:
    kind, due_ms = TimerKind.DELETE_RUN, clock_ms(turn, Clock.PENDING)
    set_timer(turn, kind, wf_run_id, clock=Clock.PENDING, due_ms=due_ms, detail="", number=number)


_OUTSIDE: Final[dict[type[Row], Callable[[Turn, Any], None]]] = {
    WfRun: _forget_run,
    ThreadRun: _forget_thread,
    NodeRun: _forget_node,
    TaskRun: _forget_task,
    UserTaskRun: user_tasks.forget,
    RunMarker: forget_marker,
    UnclaimedEvent: drop_expiry,
    IndexedVariable: forget_indexed,
}
