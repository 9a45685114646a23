"""Recalls: a thread that had ended, or was lost, goes on after all. Who waits for it forgets that
end, and who has failed with it goes on too. Thousands may: they are gone through so many a turn.
"""

from __future__ import annotations

import msgspec

from penstock.core.flow.agenda import wake
from penstock.core.flow.at import peek_thread
from penstock.core.flow.rounds import Round
from penstock.core.flow.waiters import forget_waiter, tell_waiter, wait_of
from penstock.core.flow.waits import KIND_OF_WAIT, Wait, awaited_of
from penstock.core.state.failures import FailureName
from penstock.core.state.run import HaltReason, NodeRun, ThreadRun
from penstock.core.state.thread_rows import Awaited, AwaitedStatus, LiveChild, ThreadWaiter
from penstock.core.state.timers import Clock, TimerKind, clock_ms, set_timer
from penstock.core.state.transitions import ThreadStatus
from penstock.core.state.turn import Turn


def recall_waiters(turn: Turn, wf_run_id: str, number: int) -> None:
    """A thread goes on; it has been put."""
    thread = peek_thread(turn, wf_run_id, number)
    if thread is not None and thread.waiters:
        RECALLING.begin(turn, wf_run_id, number)


def rescue_waiters_below(turn: Turn, wf_run_id: str, holder: int) -> None:
    """A thread is rescued: threads below, which were lost with it, will go on, and so do those that
    have failed since they waited for one of these. They may hold the rescued one, and so are not
    left to the recall.
    """
    thread = peek_thread(turn, wf_run_id, holder)
    if thread is not None and thread.live_children:
        BELOW.begin(turn, wf_run_id, holder)


def _see_below(turn: Turn, row: LiveChild) -> None:
    thread = peek_thread(turn, row.wf_run_id, row.child)
    assert thread is not None, "a child is a thread of the run"
    if HaltReason.HALTED_BY_PARENT in thread.halt_reasons:
        return  # it does not go on, nor does what is below it
    if thread.waiters and thread.end_number:
        FAILED_WITH.begin(turn, row.wf_run_id, row.child)
    rescue_waiters_below(turn, row.wf_run_id, row.child)


def _rescue_failed(turn: Turn, row: ThreadWaiter) -> None:
    thread = peek_thread(turn, row.wf_run_id, row.thread)
    assert thread is not None, "a thread's row stays while its run does"
    awaited = awaited_of(turn, thread, row.waiter, row.position)
    counted = awaited is not None and awaited.status is AwaitedStatus.UNSUCCESSFUL
    if counted and _has_failed(turn, row):
        _plan_rescue(turn, row)


def _recall(turn: Turn, row: ThreadWaiter) -> None:
    """A wait that is not decided takes back what it has counted; one that is over is forgotten, and
    if it has failed with that end, its thread goes on. Meanwhile the thread may have ended anew.
    """
    thread = turn.rows.get(ThreadRun, turn.tenant, row.wf_run_id, row.thread)
    assert thread is not None, "a thread's row stays while its run does"
    awaited = awaited_of(turn, thread, row.waiter, row.position)
    counted = awaited is not None and awaited.status is AwaitedStatus.UNSUCCESSFUL
    if counted and awaited is not None and awaited.end_number == thread.end_number:
        return  # it was told since
    node_run = wait_of(turn, row.wf_run_id, row.waiter, row.position)
    wait = (
        None
        if node_run is None
        else msgspec.convert(node_run.progress, KIND_OF_WAIT[node_run.node_type])
    )
    if node_run is None or wait is None or wait.decided:
        if counted and _has_failed(turn, row):
            _plan_rescue(turn, row)
        forget_waiter(turn, thread, row.waiter)
        turn.rows.put(thread)
        return
    if counted and awaited is not None:
        _take_back(turn, thread, awaited, node_run, wait)
    tell_waiter(turn, row)
    wake(turn, row.wf_run_id, row.waiter)  # it may have waited to be told of that end


def _take_back(
    turn: Turn, thread: ThreadRun, awaited: Awaited, node_run: NodeRun, wait: Wait
) -> None:
    wait.bad -= 1
    wait.failure = wait.failure if wait.bad else None
    node_run.progress = msgspec.to_builtins(wait)
    turn.rows.put(node_run)
    child = awaited.child == thread.number
    awaited.status = AwaitedStatus.THREAD_IN_PROGRESS if child else AwaitedStatus.HANDLING_FAILURE
    turn.rows.put(awaited)


def _has_failed(turn: Turn, row: ThreadWaiter) -> bool:
    """Whether the waiter stands at its wait, which has failed with a thread."""
    upper = peek_thread(turn, row.wf_run_id, row.waiter)
    assert upper is not None, "a waiter is a thread of the run"
    if upper.gone or upper.status is not ThreadStatus.ERROR or upper.position != row.position:
        return False
    place = (turn.tenant, row.wf_run_id, row.waiter, row.position)
    node_run = turn.rows.peek(NodeRun, *place)
    assert node_run is not None and node_run.failure is not None, "where it has failed"
    return node_run.failure.name == FailureName.CHILD_FAILURE


def _plan_rescue(turn: Turn, row: ThreadWaiter) -> None:
    """A rescue of its own: whoever may not be rescued keeps nobody else from it."""
    set_timer(
        turn,
        TimerKind.RESCUE_WAITER,
        row.wf_run_id,
        clock=Clock.PENDING,
        due_ms=clock_ms(turn, Clock.PENDING),
        detail=str(row.position),
        number=row.waiter,
    )


BELOW = Round(TimerKind.SEE_BELOW, LiveChild, _see_below)
FAILED_WITH = Round(TimerKind.RESCUE_WAITERS, ThreadWaiter, _rescue_failed)
RECALLING = Round(TimerKind.RECALL_WAITERS, ThreadWaiter, _recall)
