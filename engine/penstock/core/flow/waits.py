"""Waits for threads, as the threads see them that are waited for: whether a wait goes on, what it
takes back, and whether a failure is left to the parent of who has failed.

A thread is *lost* while nothing of it is at work and it will not go on by itself: it is halted for
good, or a thread that holds it has ended. Who waits for it is told, as of an end; if an operator
has it go on after all, a wait that is not decided forgets it.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from penstock.core.flow.at import At
from penstock.core.flow.waiters import wait_of, waiters_of
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import ThreadKind, ThreadRun
from penstock.core.state.thread_rows import Awaited, AwaitedEnd, AwaitedStatus

WAITERS_SEEN_MAX: Final = 1_000
"""Of a thread for which more wait, the others are not asked: its parent takes notice, too."""


class Wait(Struct, array_like=True):
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
    """

    origin: int = 0
    next: int = 0
    begun: int = 0
    joined: int | None = None
    held: list[int] = []
    ended: list[int] = []

    @property
    def at_work(self) -> int:
        """How many threads have not ended."""
        return self.begun - self.good - self.bad


KIND_OF_WAIT: Final[dict[str, type[Wait]]] = {"WAIT_FOR_THREADS": Wait, "RUN_THREADS": Work}
"""What the nodes that wait for threads keep in `progress`."""


def take_back(at: At, waiter: int, position: int) -> bool:
    """The thread goes on after all: a wait that is not decided takes back what it has counted;
    False if it is over.
    """
    turn, run_id, number = at.turn, at.run.wf_run_id, at.thread.number
    node_run = wait_of(turn, run_id, waiter, position)
    if node_run is None:
        return False
    wait = msgspec.convert(node_run.progress, KIND_OF_WAIT[node_run.node_type])
    if wait.decided:
        return False
    awaited = awaited_of(at, waiter, position)
    if awaited is not None and awaited.status is AwaitedStatus.UNSUCCESSFUL:
        wait.bad -= 1
        wait.failure = wait.failure if wait.bad else None
        node_run.progress = msgspec.to_builtins(wait)
        turn.rows.put(node_run)
        child = awaited.child == number
        awaited.status = (
            AwaitedStatus.THREAD_IN_PROGRESS if child else AwaitedStatus.HANDLING_FAILURE
        )
        turn.rows.put(awaited)
    else:
        turn.rows.delete(AwaitedEnd(turn.tenant, run_id, waiter, position, number))
    return True


def awaited_of(at: At, waiter: int, position: int) -> Awaited | None:
    """What a wait knows of the thread, or of the child whose failure it handles."""
    key = (at.turn.tenant, at.run.wf_run_id, waiter, position)
    own = at.turn.rows.get(Awaited, *key, at.thread.number)
    if own is not None or at.thread.kind is not ThreadKind.FAILURE_HANDLER:
        return own
    assert at.thread.parent is not None, "a handler stands below what it handles"
    return at.turn.rows.get(Awaited, *key, at.thread.parent)


def failure_of(ended: ThreadRun) -> Failure:
    """Why a thread has not ended well, or will not."""
    if ended.failure is not None:
        return ended.failure
    why = "it is halted, below a thread that has failed"
    if ended.is_abandoned:
        why = "it was halted for good"
    return Failure(FailureName.CHILD_FAILURE, why)


def leave_to_parent(at: At) -> None:
    """A child has failed: its parent takes notice at its EXIT, unless a wait does before."""
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


def _is_seen_to(at: At) -> bool:
    """Whether a wait has halted the thread for good, or one of another thread than its parent will
    look. The parent's own has yet to look, and may be left before.
    """
    turn, thread = at.turn, at.thread
    for waiter, position in waiters_of(turn, thread)[:WAITERS_SEEN_MAX]:
        wait = (turn.tenant, at.run.wf_run_id, waiter, position)
        awaited = turn.rows.peek(Awaited, *wait, thread.number)
        if awaited is not None and awaited.status is AwaitedStatus.STOPPED:
            return True
        if waiter != thread.parent and wait_of(turn, *wait[1:]) is not None:
            return True
    return False


def _count_for_parent(at: At, child: ThreadRun, number: int) -> None:
    if child.parent == at.thread.number:
        at.thread.failed_children += number
        return
    assert child.parent is not None, "a child has a parent"
    parent = at.turn.rows.get(ThreadRun, at.turn.tenant, at.run.wf_run_id, child.parent)
    assert parent is not None, "which is a thread of the run"
    parent.failed_children += number
    at.turn.rows.put(parent)
