"""Threads of a run as they were when its entrypoint reached a node: all must have ended by then,
since nothing can be begun in the middle of another one. If one had not, it is said from where the
run can be replayed instead.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from penstock.core.errors import Code, refuse
from penstock.core.flow.at import peek_thread
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.flow.waiters import waiters_of
from penstock.core.limits import REPLAY_THREADS_MAX
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import NodeRun, ThreadKind, ThreadRun, WfRun
from penstock.core.state.transitions import THREAD_LIVE, ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

HALTED_FOR_GOOD: Final = Failure(FailureName.CHILD_FAILURE, "it was halted for good")


class PastThread(Struct, array_like=True, frozen=True):
    """A thread that has ended, and how."""

    number: int
    kind: ThreadKind
    thread_spec: str
    status: ThreadStatus
    parent: int | None
    holder: int | None
    output: Value
    failure: Failure | None
    masked: bool
    warned: bool = False
    unnoticed: bool = False  # a warning that the parent has still to notice
    end_number: int = 0


def step_of(run: WfRun, node_run: NodeRun) -> int:
    """The run's step at which a node was reached; the next one, if that is still to come."""
    return node_run.step or run.steps + 1


def check_entrypoint(turn: Turn, run: WfRun, thread: int) -> None:
    """Refuse another thread, and say from where what it did can be done again."""
    if thread == ENTRYPOINT_NUMBER:
        return
    found = peek_thread(turn, run.wf_run_id, thread) if thread >= 0 else None
    if found is None:
        refuse(Code.THREAD_UNKNOWN, f"WfRun {run.wf_run_id!r} has no thread {thread}")
    threads = _threads(turn, run, found.began)
    refuse(
        Code.NOT_REPLAYABLE,
        f"only the entrypoint is replayed, and not thread {thread};"
        f" {_instead(turn, run, threads, found.began)}",
    )


def threads_before(turn: Turn, run: WfRun, position: int, step: int) -> tuple[PastThread, ...]:
    """The threads that had begun when the entrypoint reached a node; refused is it if one of them
    was not over.
    """
    threads = _threads(turn, run, step)
    live = [thread for thread in threads if not _was_over(turn, thread, position, step)]
    if live:
        refuse(
            Code.NOT_REPLAYABLE,
            f"thread {live[0].number} was not over when node run {position} was reached;"
            f" {_instead(turn, run, threads, min(thread.began for thread in live))}",
        )
    return tuple(
        _past(run, thread, unnoticed=_was_unnoticed(turn, thread, position, len(threads)))
        for thread in threads
    )


def _threads(turn: Turn, run: WfRun, step: int) -> list[ThreadRun]:
    """The threads that had begun before a step; they are numbered as they began. Those that the run
    was begun with, as a replay itself, began at step 0.
    """
    threads: list[ThreadRun] = []
    for number in range(ENTRYPOINT_NUMBER + 1, run.threads):
        thread = peek_thread(turn, run.wf_run_id, number)
        assert thread is not None, "a thread's row stays while its run does"
        if thread.began >= max(step, 1):
            break
        if len(threads) == REPLAY_THREADS_MAX:
            refuse(
                Code.LIMIT,
                f"more than {REPLAY_THREADS_MAX} threads had begun by then; replay from a node"
                " before them, or from the beginning",
            )
        threads.append(thread)
    return threads


def _was_over(turn: Turn, thread: ThreadRun, position: int, step: int) -> bool:
    """Whether a thread had ended by a step, and nobody had still to see to its failure."""
    if thread.status in THREAD_LIVE:
        return thread.is_abandoned and thread.ended < max(step, 1)
    if thread.gone and thread.began == 0:
        return True
    if thread.ended >= step:
        return False
    if thread.status is ThreadStatus.COMPLETED or thread.kind is not ThreadKind.CHILD:
        return True
    if thread.parent != ENTRYPOINT_NUMBER:
        return True  # its failure is its parent's, which is asked itself
    waits = [at for waiter, at in waiters_of(turn, thread) if waiter == ENTRYPOINT_NUMBER]
    return thread.waiters > 0 and all(at < position for at in waits)


def _was_unnoticed(turn: Turn, thread: ThreadRun, position: int, last: int) -> bool:
    """Whether the warning of a thread was left to its parent then: nobody has noticed it but who
    has waited since, the entrypoint or a thread behind the last that had begun.
    """
    if thread.kind is not ThreadKind.CHILD or thread.status is not ThreadStatus.COMPLETED:
        return False
    return thread.unnoticed or (
        thread.warned
        and any(
            at >= position if waiter == ENTRYPOINT_NUMBER else waiter > last
            for waiter, at in waiters_of(turn, thread)
        )
    )


def _past(run: WfRun, thread: ThreadRun, *, unnoticed: bool) -> PastThread:
    """One that is halted for good, but whose children are not yet, ends behind all that have."""
    abandoned = thread.is_abandoned
    return PastThread(
        thread.number,
        thread.kind,
        thread.thread_spec,
        ThreadStatus.ERROR if abandoned else thread.status,
        thread.parent,
        thread.holder,
        thread.output,
        HALTED_FOR_GOOD if abandoned else thread.failure,
        thread.masked,
        thread.warned,
        unnoticed,
        thread.end_number or run.ends + thread.number,
    )


def _instead(turn: Turn, run: WfRun, threads: list[ThreadRun], step: int) -> str:
    """The last node run of the entrypoint, at or before a step, at which all else was over."""
    while True:
        node_run = _last_at(turn, run, step)
        reached, position = step_of(run, node_run), node_run.position
        live = [
            thread.began
            for thread in threads
            if thread.began < reached and not _was_over(turn, thread, position, reached)
        ]
        if position == 0 or not live:
            break
        step = min(live)
    if position == 0:
        return "replay it from its beginning"
    return f"replay it from node run {position} ({node_run.node!r}), or from its beginning"


def _last_at(turn: Turn, run: WfRun, step: int) -> NodeRun:
    """The last node run of the entrypoint that was reached at a step or before it."""
    entrypoint = peek_thread(turn, run.wf_run_id, ENTRYPOINT_NUMBER)
    assert entrypoint is not None, "a run has one"
    low, high = 0, entrypoint.position
    while low < high:
        middle = (low + high + 1) // 2
        if step_of(run, _visit(turn, run, middle)) <= step:
            low = middle
        else:
            high = middle - 1
    return _visit(turn, run, low)


def _visit(turn: Turn, run: WfRun, position: int) -> NodeRun:
    found = turn.rows.peek(NodeRun, turn.tenant, run.wf_run_id, ENTRYPOINT_NUMBER, position)
    assert found is not None, "positions follow each other"
    return found
