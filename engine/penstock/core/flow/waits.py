"""Waits for threads, as the threads see them that are waited for: whether a wait goes on, what it
takes back, and whether a failure is left to the parent of who has failed.

A thread is *lost* while nothing of it is at work and it will not go on by itself: it is halted for
good, or a thread that holds it has ended. Who waits for it is told, as of an end; if an operator
has it go on after all, a wait that is not decided forgets it.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from penstock.core.flow.agenda import wake
from penstock.core.flow.at import At
from penstock.core.flow.rounds import Round
from penstock.core.flow.waiters import wait_of, waiters_of
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.rows import copy_of
from penstock.core.state.run import ThreadKind, ThreadRun
from penstock.core.state.thread_rows import Awaited, AwaitedEnd, AwaitedStatus
from penstock.core.state.timers import TimerKind
from penstock.core.state.transitions import THREAD_LIVE, ThreadStatus
from penstock.core.state.turn import Turn

WAITERS_SEEN_MAX: Final = 1_000
"""Of a thread for which more wait, the others are not asked: its parent takes notice, too."""


class Wait(Struct, array_like=True, gc=False):
    """How far a wait has come. `to_join` have still to be told that they are waited for; once it is
    decided, threads below `stopped` have been halted if they were not needed. It must stay small.
    """

    count: int
    to_join: list[int]
    good: int = 0
    bad: int = 0
    failure: Failure | None = None
    decided: bool = False
    stopped: int = 0


class Work(Wait):
    """How far a node has come that begins itself what it waits for. Elements from `next` on have
    not been begun, nor have those that are `held`, since they come after others; where any do,
    `ended` lists who has ended well. Of `begun` threads is known what has become of them, or they
    are at work. `joined` is up to where the threads of a visit before have been joined; None: all.
    `told` counts those that have ended, by the words of the node's tally.
    """

    origin: int = 0
    next: int = 0
    begun: int = 0
    joined: int | None = None
    held: list[int] = []
    ended: list[int] = []
    told: dict[str, int] = {}

    @property
    def at_work(self) -> int:
        """How many threads have not ended."""
        return self.begun - self.good - self.bad


KIND_OF_WAIT: Final[dict[str, type[Wait]]] = {"WAIT_FOR_THREADS": Wait, "RUN_THREADS": Work}
"""What the nodes that wait for threads keep in `progress`."""


def awaited_of(turn: Turn, thread: ThreadRun, waiter: int, position: int) -> Awaited | None:
    """What a wait knows of the thread, or of the child whose failure it handles."""
    key = (turn.tenant, thread.wf_run_id, waiter, position)
    own = turn.rows.get(Awaited, *key, thread.number)
    if own is not None or thread.kind is not ThreadKind.FAILURE_HANDLER:
        return own
    assert thread.parent is not None, "a handler stands below what it handles"
    return turn.rows.get(Awaited, *key, thread.parent)


def failure_of(ended: ThreadRun) -> Failure:
    """Why a thread has not ended well, or will not."""
    if ended.failure is not None:
        return ended.failure
    why = "it is halted, below a thread that has failed"
    if ended.is_abandoned:
        why = "it was halted for good"
    return Failure(FailureName.CHILD_FAILURE, why)


def leave_to_parent(at: At) -> None:
    """A child has failed, or has a warning: its parent takes notice at its EXIT, unless a wait does
    before.
    """
    thread = at.thread
    if thread.kind is ThreadKind.CHILD and not _is_seen_to(at):
        thread.unnoticed = True
        _count_for_parent(at, thread, 1)


def take_notice(at: At, child: ThreadRun) -> None:
    """Somebody has seen how a child has ended (`at` is where a thread stands that may be its
    parent, and is to be saved): it is not left to its parent any more.
    """
    if child.unnoticed:
        child.unnoticed = False
        at.turn.rows.put(child)
        _count_for_parent(at, child, -1)


def give_back_ends(at: At) -> None:
    """The wait at hand is left: a failure, or a warning, of a child of another thread, which that
    one had left to it, and which it has not looked at, is left to the parent after all. So many a
    turn.
    """
    turn, place = at.turn, (at.run.wf_run_id, at.thread.number)
    ends = turn.rows.scan(AwaitedEnd, turn.tenant, *place, at.node_run.position)
    if next(ends, None) is not None:
        turn.rows.put(copy_of(at.node_run))  # it is seen there that it waits no more
        GIVING_BACK.begin(turn, *place)


def _give_back(turn: Turn, end: AwaitedEnd) -> None:
    if wait_of(turn, end.wf_run_id, end.waiter, end.position) is not None:
        return
    turn.rows.delete(end)
    thread = turn.rows.get(ThreadRun, turn.tenant, end.wf_run_id, end.child)
    assert thread is not None, "a thread's row stays while its run does"
    is_news = thread.failure is not None or thread.warned
    if thread.status in THREAD_LIVE or not is_news:
        return
    if thread.end_number != end.end_number or thread.unnoticed:
        return
    # If the parent's own is left, a failure was not taken from it, or another wait gives it back.
    if thread.kind is not ThreadKind.CHILD or thread.parent == end.waiter:
        return
    assert thread.parent is not None, "a child has a parent"
    if any(_sees_to(turn, thread, *wait) for wait in waiters_of(turn, thread, WAITERS_SEEN_MAX)):
        return
    parent = turn.rows.get(ThreadRun, turn.tenant, end.wf_run_id, thread.parent)
    assert parent is not None, "which is a thread of the run"
    thread.unnoticed = True
    _count(parent, thread, 1)
    turn.rows.put(thread)
    turn.rows.put(parent)
    wake(turn, end.wf_run_id, parent.number)


def _sees_to(turn: Turn, thread: ThreadRun, waiter: int, position: int) -> bool:
    """Whether a wait has looked at the end of a thread, or one of another than its parent will."""
    awaited = turn.rows.peek(
        Awaited, turn.tenant, thread.wf_run_id, waiter, position, thread.number
    )
    if awaited is None or awaited.status is not AwaitedStatus.THREAD_IN_PROGRESS:
        return awaited is not None
    return waiter != thread.parent and wait_of(turn, thread.wf_run_id, waiter, position) is not None


def _is_seen_to(at: At) -> bool:
    """Whether a wait has halted the thread for good, or one of another thread than its parent will
    look. The parent's own has yet to look, and may be left before.
    """
    turn, thread = at.turn, at.thread
    for waiter, position in waiters_of(turn, thread, WAITERS_SEEN_MAX):
        wait = (turn.tenant, at.run.wf_run_id, waiter, position)
        awaited = turn.rows.peek(Awaited, *wait, thread.number)
        if awaited is not None and awaited.status is AwaitedStatus.STOPPED:
            return True
        if waiter != thread.parent and wait_of(turn, *wait[1:]) is not None:
            return True
    return False


def _count_for_parent(at: At, child: ThreadRun, number: int) -> None:
    parent: ThreadRun | None = at.thread
    assert child.parent is not None, "a child has a parent"
    if child.parent != at.thread.number:
        parent = at.turn.rows.get(ThreadRun, at.turn.tenant, at.run.wf_run_id, child.parent)
    assert parent is not None, "which is a thread of the run"
    _count(parent, child, number)
    if parent is not at.thread:
        at.turn.rows.put(parent)


def _count(parent: ThreadRun, child: ThreadRun, number: int) -> None:
    if child.status is ThreadStatus.COMPLETED:
        parent.warned_children += number
    else:
        parent.failed_children += number


GIVING_BACK = Round(TimerKind.GIVE_BACK_ENDS, AwaitedEnd, _give_back)
