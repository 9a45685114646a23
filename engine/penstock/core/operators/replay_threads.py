"""Threads of a run as they were when one of them reached a node. That one, and the blocks in which
it stands, are begun anew in their middle; what else these blocks were running is done again. All
others must have ended by then; if one had not, it is said from where the run can be replayed
instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from penstock.core.errors import Code, refuse
from penstock.core.flow.at import peek_thread
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.flow.waiters import waiters_of
from penstock.core.limits import REPLAY_THREADS_MAX
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.replay_rows import DONE_AGAIN, Replayed
from penstock.core.state.run import NodeRun, ThreadKind, ThreadRun, WfRun
from penstock.core.state.thread_rows import Awaited
from penstock.core.state.transitions import THREAD_LIVE, ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

HALTED_FOR_GOOD: Final = Failure(FailureName.CHILD_FAILURE, "it was halted for good")
BLOCK: Final = "RUN_THREADS"
"""The type of the nodes that begin themselves what they wait for."""

Way = Mapping[int, int]
"""The threads from the entrypoint down to the one that is replayed, and where each of them was."""


class PastThread(Struct, array_like=True, frozen=True, gc=False):
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


def refuse_thread(turn: Turn, run: WfRun, thread: ThreadRun, why: str) -> NoReturn:
    """Refuse a replay, and say from where what a thread did can be done again."""
    step = max(thread.began, 1)
    instead = _instead(turn, run, _threads(turn, run, step), step)
    refuse(Code.NOT_REPLAYABLE, f"{why}; {instead}")


def threads_before(turn: Turn, run: WfRun, way: Way, step: int) -> tuple[PastThread, ...]:
    """The threads that had begun when the last of the way was reached; refused is it if one of them
    was not over, and is not done again.
    """
    threads, again, live = _threads(turn, run, step), set(way), list[ThreadRun]()
    for thread in threads:
        if thread.number in way:
            continue
        if _is_done_again(turn, thread, way, again, step):
            again.add(thread.number)
        elif not _was_over(turn, thread, way, step):
            live.append(thread)
    if live:
        refuse(
            Code.NOT_REPLAYABLE,
            f"thread {live[0].number} was not over when node run {list(way.values())[-1]} was"
            f" reached; {_instead(turn, run, threads, min(thread.began for thread in live))}",
        )
    return tuple(
        _kept(run, thread)
        if thread.number in again or _is_to_come(thread, step)
        else _past(run, thread, unnoticed=_was_unnoticed(turn, thread, way, len(threads)))
        for thread in threads
    )


def had_ended_well(thread: ThreadRun, step: int) -> bool:
    """Whether the thread had, when the run came to a step."""
    return thread.status is ThreadStatus.COMPLETED and thread.ended < max(step, 1)


def _is_done_again(turn: Turn, thread: ThreadRun, way: Way, again: set[int], step: int) -> bool:
    """Whether a block on the way does again what the thread did, which had not ended well: it was
    begun for it, or by such a thread.
    """
    if thread.began == 0 and thread.gone:
        return False
    if thread.parent in again and thread.parent not in way:
        return not had_ended_well(thread, step)
    above = thread.parent
    if above is None or above not in way or thread.kind is not ThreadKind.CHILD:
        return False
    if had_ended_well(thread, step):
        return False
    here = (turn.tenant, thread.wf_run_id, above, way[above])
    visit = turn.rows.peek(NodeRun, *here)
    if visit is None or visit.node_type != BLOCK:
        return False
    return turn.rows.peek(Awaited, *here, thread.number) is not None


def _is_to_come(thread: ThreadRun, step: int) -> bool:
    """Whether the thread had not begun, though its number was given: a replay had kept it."""
    return thread.began >= max(step, 1)


def _threads(turn: Turn, run: WfRun, step: int) -> list[ThreadRun]:
    """The threads that had begun before a step; they are numbered as they began. Those that the run
    was begun with, as a replay itself, come first: they began at step 0, or have numbers that were
    kept for them.
    """
    threads: list[ThreadRun] = []
    begun = turn.rows.peek(Replayed, turn.tenant, run.wf_run_id, ENTRYPOINT_NUMBER)
    carried = 0 if begun is None else begun.threads
    for number in range(ENTRYPOINT_NUMBER + 1, run.threads):
        thread = peek_thread(turn, run.wf_run_id, number)
        assert thread is not None, "a thread's row stays while its run does"
        if number >= carried and thread.began >= max(step, 1):
            break
        if len(threads) == REPLAY_THREADS_MAX:
            refuse(
                Code.LIMIT,
                f"more than {REPLAY_THREADS_MAX} threads had begun by then; replay from a node"
                " before them, or from the beginning",
            )
        threads.append(thread)
    return threads


def _was_over(turn: Turn, thread: ThreadRun, way: Way, step: int) -> bool:
    """Whether a thread had ended by a step, and nobody had still to see to its failure."""
    if _is_to_come(thread, step):
        return True
    if thread.status in THREAD_LIVE:
        return thread.is_abandoned and thread.ended < max(step, 1)
    if thread.gone and thread.began == 0:
        return True
    if thread.ended >= step:
        return False
    if thread.status is ThreadStatus.COMPLETED or thread.kind is not ThreadKind.CHILD:
        return True
    above = thread.parent
    if above is None or above not in way:
        return True  # its failure is its parent's, which is asked itself
    waits = [at for waiter, at in waiters_of(turn, thread) if waiter == above]
    return thread.waiters > 0 and all(at < way[above] for at in waits)


def _was_unnoticed(turn: Turn, thread: ThreadRun, way: Way, last: int) -> bool:
    """Whether the warning of a thread was left to its parent then: nobody has noticed it but who
    has waited since, a thread on the way or one behind the last that had begun.
    """
    if thread.kind is not ThreadKind.CHILD or thread.status is not ThreadStatus.COMPLETED:
        return False
    return thread.unnoticed or (
        thread.warned
        and any(
            at >= way[waiter] if waiter in way else waiter > last
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


def _kept(run: WfRun, thread: ThreadRun) -> PastThread:
    """What holds the number of a thread that is begun anew, under it or another one."""
    past = _past(run, thread, unnoticed=False)
    hidden = {"output": None, "masked": False, "warned": False}
    return replace(past, status=ThreadStatus.ERROR, failure=DONE_AGAIN, **hidden)


def _instead(turn: Turn, run: WfRun, threads: list[ThreadRun], step: int) -> str:
    """The last node run of the entrypoint, at or before a step, at which all else was over."""
    while True:
        node_run = last_at(turn, run, ENTRYPOINT_NUMBER, step)
        reached, position = step_of(run, node_run), node_run.position
        way = {ENTRYPOINT_NUMBER: position}
        live = [
            thread.began
            for thread in threads
            if thread.began < reached and not _was_over(turn, thread, way, reached)
        ]
        if position == 0 or not live:
            break
        step = min(live)
    if position == 0:
        return "replay it from its beginning"
    return f"replay it from node run {position} ({node_run.node!r}), or from its beginning"


def last_at(turn: Turn, run: WfRun, number: int, step: int) -> NodeRun:
    """The last node run of a thread that was reached at a step or before it."""
    thread = peek_thread(turn, run.wf_run_id, number)
    assert thread is not None, "it is one of the run"
    low, high = 0, thread.position
    while low < high:
        middle = (low + high + 1) // 2
        if step_of(run, _visit(turn, run, number, middle)) <= step:
            low = middle
        else:
            high = middle - 1
    return _visit(turn, run, number, low)


def _visit(turn: Turn, run: WfRun, number: int, position: int) -> NodeRun:
    found = turn.rows.peek(NodeRun, turn.tenant, run.wf_run_id, number, position)
    assert found is not None, "positions follow each other"
    return found
