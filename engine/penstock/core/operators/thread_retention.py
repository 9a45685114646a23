"""Retention of threads: when one has ended and was kept as long as its spec says, its node runs,
tasks, user tasks, variables and outputs go, so many rows a turn (R3). Its ThreadRun row stays: it
says how the thread ended, to whoever waits for it later.

Not while a thread below it lives, which may see its variables, nor while its failure may still be
taken up, by a handler or a rescue.
"""

from __future__ import annotations

from penstock.core.flow.at import peek_thread
from penstock.core.flow.retention import set_thread_retention
from penstock.core.flow.versions import spec_of
from penstock.core.flow.waiters import waiters_of
from penstock.core.limits import RETENTION_AGAIN_MS
from penstock.core.operators.thread_parts import delete_lot, delete_rest
from penstock.core.state.run import ThreadKind, ThreadRun, TimerKey, WfRun
from penstock.core.state.thread_rows import Awaited, AwaitedStatus, RoundUnderWay
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, set_timer
from penstock.core.state.transitions import ThreadStatus
from penstock.core.state.turn import Turn


def fire_thread_retention(turn: Turn, timer: Timer) -> None:
    """The thread was kept long enough, unless it is still needed."""
    thread = turn.rows.get(ThreadRun, turn.tenant, timer.wf_run_id, timer.number)
    if thread is None or thread.retention != TimerKey(timer.clock, timer.due_ms):
        return
    if _is_needed(turn, thread):
        set_thread_retention(turn, thread, RETENTION_AGAIN_MS)
    else:
        thread.retention, thread.gone = None, True
        _go_on_later(turn, thread, 0, 0)
    turn.rows.put(thread)


def fire_delete_thread(turn: Turn, timer: Timer) -> None:
    """Delete as many of its rows as the turn allows."""
    thread = turn.rows.get(ThreadRun, turn.tenant, timer.wf_run_id, timer.number)
    run = turn.rows.peek(WfRun, turn.tenant, timer.wf_run_id)
    assert thread is not None, "its row stays"
    assert run is not None, "and its run's"
    spec = spec_of(turn.rows, run, thread)
    position, lot = (int(part) for part in timer.detail.split(":"))
    while turn.nodes_left and position <= thread.position:
        position, lot = delete_lot(turn, thread, position, lot)
    if not turn.nodes_left or not delete_rest(turn, thread, spec):
        _go_on_later(turn, thread, position, lot)
    elif thread.spilled:
        thread.spilled = 0
        turn.rows.put(thread)


def _is_needed(turn: Turn, thread: ThreadRun) -> bool:
    """Whether a thread below lives, or what the thread was may still be asked for."""
    telling = (thread.tenant, thread.wf_run_id, TimerKind.TELL_WAITERS, thread.number)
    if thread.live_children or turn.rows.peek(RoundUnderWay, *telling) is not None:
        return True
    if thread.status is ThreadStatus.COMPLETED:
        return False
    if thread.kind is not ThreadKind.CHILD or not thread.waiters:
        return True  # it may be rescued
    return not all(_was_handled(turn, thread, *entry) for entry in waiters_of(turn, thread))


def _was_handled(turn: Turn, thread: ThreadRun, waiter: int, position: int) -> bool:
    """Whether a wait has done with the thread's failure, and the handler, which sees the thread's
    variables, with what it had begun.
    """
    of_run = (thread.tenant, thread.wf_run_id)
    awaited = turn.rows.peek(Awaited, *of_run, waiter, position, thread.number)
    if awaited is None:
        return True  # the waiter is gone itself
    if awaited.status is not AwaitedStatus.COMPLETED_OR_FAILURE_HANDLED:
        return False
    if awaited.handler is None:
        return True  # it was handled before its waiter began to wait anew
    handler = peek_thread(turn, thread.wf_run_id, awaited.handler)
    return handler is None or not handler.live_children


def _go_on_later(turn: Turn, thread: ThreadRun, position: int, lot: int) -> None:
    set_timer(
        turn,
        TimerKind.DELETE_THREAD,
        thread.wf_run_id,
        clock=Clock.PENDING,
        due_ms=clock_ms(turn, Clock.PENDING),
        detail=f"{position}:{lot}",
        number=thread.number,
    )
