"""Waiters: node runs that wait for a thread, or for a run, and are told of its end. Thousands may
wait for one, so they are rows, told so many a turn.
"""

from __future__ import annotations

from itertools import islice

from penstock.core.flow.agenda import wake
from penstock.core.flow.at import peek_thread
from penstock.core.flow.rounds import Round
from penstock.core.state.run import HaltReason, NodeRun, ThreadRun, WfRun
from penstock.core.state.thread_rows import (
    Awaited,
    AwaitedEnd,
    AwaitedStatus,
    RoundUnderWay,
    RunWaiter,
    ThreadWaiter,
)
from penstock.core.state.timers import TimerKind
from penstock.core.state.transitions import NODE_LIVE, THREAD_LIVE, ThreadStatus
from penstock.core.state.turn import Turn


def wait_for_thread(turn: Turn, thread: ThreadRun, waiter: int, position: int) -> None:
    """A node run waits for the thread; a waiter waits at one position. The thread is to be put."""
    row = ThreadWaiter(turn.tenant, thread.wf_run_id, thread.number, waiter, position)
    known = turn.rows.peek(ThreadWaiter, turn.tenant, thread.wf_run_id, thread.number, waiter)
    thread.waiters += known is None
    turn.rows.put(row)


def waiters_of(turn: Turn, thread: ThreadRun, limit: int | None = None) -> list[tuple[int, int]]:
    """Which node runs wait for a thread, or the first of them: thread and position."""
    if not thread.waiters:
        return []
    rows = turn.rows.scan(ThreadWaiter, turn.tenant, thread.wf_run_id, thread.number)
    return [(row.waiter, row.position) for row in islice(rows, limit)]


def forget_waiter(turn: Turn, thread: ThreadRun, waiter: int) -> None:
    """It waits for the thread no more. The thread is to be put."""
    turn.rows.delete(ThreadWaiter(turn.tenant, thread.wf_run_id, thread.number, waiter, 0))
    thread.waiters -= 1


def tell_waiters(turn: Turn, thread: ThreadRun) -> None:
    """The thread has ended, or is halted for good: who waits for it is to look. The thread has been
    put.
    """
    if thread.waiters:
        TELLING.begin(turn, thread.wf_run_id, thread.number)


def number_end(run: WfRun, thread: ThreadRun) -> None:
    """The thread ends, or is lost, behind all others of the run that have. Both are to be put."""
    if not thread.end_number:
        run.ends += 1
        thread.end_number = run.ends


def is_over(turn: Turn, thread: ThreadRun) -> bool:
    """Whether the thread has ended or is lost, and has its place among the ends: one that is lost
    gets it with its next visit, and tells then.
    """
    if not thread.end_number:
        return False
    return thread.status not in THREAD_LIVE or is_lost(turn, thread)


def note_end(turn: Turn, thread: ThreadRun, waiter: int, position: int) -> None:
    """A node run is to look at the end of a thread."""
    end = (thread.number, thread.end_number)
    turn.rows.put(AwaitedEnd(turn.tenant, thread.wf_run_id, waiter, position, *end))


def first_untold(turn: Turn, wf_run_id: str, waiter: int, position: int) -> int | None:
    """The first end of a thread that a node run waits for, and has still to be told of, since its
    turn has not come: ends behind it must not decide the wait. None if there is none. The node run
    is woken when it is told, or when the thread goes on.
    """
    ends: list[int] = []
    place = (turn.tenant, wf_run_id, waiter, position)
    for row in turn.rows.scan(RoundUnderWay, turn.tenant, wf_run_id, TELLING.timer):
        waits = turn.rows.peek(ThreadWaiter, turn.tenant, wf_run_id, row.number, waiter)
        if waits is None or waits.position != position:
            continue
        thread = peek_thread(turn, wf_run_id, row.number)
        assert thread is not None, "a thread's row stays while its run does"
        told = turn.rows.peek(AwaitedEnd, *place, thread.end_number) is not None
        if not told and is_over(turn, thread) and _waits(turn, waits, thread):
            ends.append(thread.end_number)
    return min(ends, default=None)


def is_lost(turn: Turn, thread: ThreadRun) -> bool:
    """Whether the thread is lost now, whatever it was when it was visited last."""
    if thread.status is not ThreadStatus.HALTED or thread.moving_children:
        return False
    one = thread
    while HaltReason.HALTED_BY_PARENT not in one.halt_reasons:
        holder = None if one.holder is None else peek_thread(turn, thread.wf_run_id, one.holder)
        if holder is None:
            return False
        if holder.status not in THREAD_LIVE:
            return True
        one = holder
    return True


def wait_of(turn: Turn, wf_run_id: str, waiter: int, position: int) -> NodeRun | None:
    """The node run of a wait that goes on; None if it is over, or its thread is halted for good."""
    upper = peek_thread(turn, wf_run_id, waiter)
    assert upper is not None, "a waiter is a thread of the run"
    if upper.status not in THREAD_LIVE or upper.position != position:
        return None
    node_run = turn.rows.get(NodeRun, turn.tenant, wf_run_id, waiter, position)
    assert node_run is not None, "at a node"
    goes_on = node_run.status in NODE_LIVE and node_run.progress is not None
    return node_run if goes_on else None


def wait_for_run(turn: Turn, run: WfRun, wf_run_id: str, thread: int) -> None:
    """A thread of another run of the family waits for this one."""
    row = RunWaiter(turn.tenant, run.wf_run_id, wf_run_id, thread)
    if turn.rows.peek(RunWaiter, turn.tenant, run.wf_run_id, wf_run_id, thread) is None:
        turn.rows.put(row)
        run.waiters += 1
        turn.rows.put(run)


def wait_for_run_no_more(turn: Turn, run: WfRun, wf_run_id: str, thread: int) -> None:
    """Doing it twice changes nothing."""
    row = turn.rows.peek(RunWaiter, turn.tenant, run.wf_run_id, wf_run_id, thread)
    if row is not None:
        turn.rows.delete(row)
        run.waiters -= 1
        turn.rows.put(run)


def tell_waiters_of_run(turn: Turn, run: WfRun) -> None:
    """The run has ended, or begun or ceased to rest."""
    if run.waiters:
        TELLING_OF_RUN.begin(turn, run.wf_run_id)


def tell_waiter(turn: Turn, row: ThreadWaiter) -> None:
    """Tell one who waits still, and has not been told; the thread may have been rescued since."""
    thread = peek_thread(turn, row.wf_run_id, row.thread)
    assert thread is not None, "a thread's row stays while its run does"
    place = (row.waiter, row.position)
    goes_on = thread.status not in THREAD_LIVE or wait_of(turn, row.wf_run_id, *place) is not None
    if goes_on and is_over(turn, thread) and _waits(turn, row, thread):
        note_end(turn, thread, *place)
        wake(turn, row.wf_run_id, row.waiter)


def _waits(turn: Turn, row: ThreadWaiter, thread: ThreadRun) -> bool:
    """Whether the node run waits for the thread, or for it as the handler of another's failure."""
    wait = (turn.tenant, row.wf_run_id, row.waiter, row.position)
    awaited = turn.rows.peek(Awaited, *wait, thread.number)
    if awaited is not None:
        return awaited.status is AwaitedStatus.THREAD_IN_PROGRESS
    assert thread.parent is not None, "a handler stands below what it handles"
    handled = turn.rows.peek(Awaited, *wait, thread.parent)
    if handled is None or handled.status is not AwaitedStatus.HANDLING_FAILURE:
        return False
    return handled.handler == thread.number


def _wake_waiter(turn: Turn, row: RunWaiter) -> None:
    wake(turn, row.waiter, row.thread)


TELLING = Round(TimerKind.TELL_WAITERS, ThreadWaiter, tell_waiter)
TELLING_OF_RUN = Round(TimerKind.TELL_WAITERS_OF_RUN, RunWaiter, _wake_waiter, numbered=False)
