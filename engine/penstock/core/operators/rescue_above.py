"""What became of a thread's failure: whether it was handled, and who failed because of it, in its
run or in another one that waited for the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Final, NoReturn

from penstock.core.errors import Code, Reject, refuse
from penstock.core.flow.at import At, peek_thread
from penstock.core.flow.load import find, is_there, load, refuse_if_busy
from penstock.core.flow.waiters import waiters_of
from penstock.core.flow.waits import awaited_of
from penstock.core.nodes import exit as exit_node
from penstock.core.state.failures import FailureName
from penstock.core.state.run import HaltReason, NodeRun, ThreadKind, ThreadRun
from penstock.core.state.thread_rows import Awaited, AwaitedStatus, FailedWait
from penstock.core.state.transitions import (
    NODE_LIVE,
    THREAD_FAILED,
    THREAD_LIVE,
    NodeStatus,
    ThreadStatus,
)

WAITERS_ASKED_MAX: Final = 500
"""Of a thread for which more wait, the others can not refuse a rescue: they are taken along in
later turns, if they may (flow/recalls.py)."""

NODE_FAILED: Final = frozenset((NodeStatus.ERROR, NodeStatus.EXCEPTION))


LEVELS_MAX: Final = 1_000

Place = tuple[str, int]
"""A thread of a run."""


def all_above(at: At) -> list[Place]:
    """All threads that failed because this one did, and those above these; refuses when one of the
    failures was handled, or does not matter any more.
    """
    found: dict[Place, None] = {}
    pending = _above(at)
    while pending:
        place = pending.pop()
        upper = load(at.turn, *place)
        if place in found or upper.thread.status not in THREAD_FAILED:
            continue
        if len(found) == LEVELS_MAX:
            refuse(Code.LIMIT, f"more than {LEVELS_MAX} threads above have failed with it")
        found[place] = None
        pending += _above(upper)
    return list(found)


def all_above_waits(at: At) -> list[Place]:
    """The same of a run that is restarted, for what waited for the run. It goes on in any case:
    where its failure was handled, it is waited for no more.
    """
    found: dict[Place, None] = {}
    for row in islice(_failed_waits(at), LEVELS_MAX):
        with suppress(Reject):
            for place in _wait_above(at, row):
                found |= dict.fromkeys([place, *all_above(load(at.turn, *place))])
    return list(found)


def forget_waits(at: At) -> None:
    """The run goes on: who failed with it does too, or does not wait for it any more."""
    for row in islice(_failed_waits(at), LEVELS_MAX):
        at.turn.rows.delete(row)


def _above(at: At) -> list[Place]:
    """The threads that failed because this one did."""
    if at.thread.kind is ThreadKind.ENTRYPOINT:
        return [place for row in _failed_waits(at) for place in _wait_above(at, row)]
    return [(at.run.wf_run_id, number) for number in _threads_above(at)]


def _failed_waits(at: At) -> Iterator[FailedWait]:
    """Of other runs, for the run of the entrypoint thread at hand."""
    if at.thread.kind is not ThreadKind.ENTRYPOINT:
        return iter(())
    return iter(list(at.turn.rows.scan(FailedWait, at.turn.tenant, at.run.wf_run_id)))


def _wait_above(at: At, row: FailedWait) -> list[Place]:
    """The thread that failed at a WAIT_FOR_CHILD_WF, if it still stands there."""
    if not is_there(at.turn, row.waiter):
        return []
    upper = find(at.turn, row.waiter, row.thread)
    if upper is None:
        return []
    refuse_if_busy(upper.run)
    node = _node_run(upper, row.thread, row.position)
    if node.handled and not node.skipped:
        _refuse(at, f"{_named(at, upper)} has gone on without it")
    if upper.thread.position != row.position:
        return []
    return [(row.waiter, number) for number in _failed_with(at, upper, node)]


def _threads_above(at: At) -> list[int]:
    thread = at.thread
    if thread.unnoticed:
        return _parent_above(at)
    if thread.waiters:
        return [
            above
            for waiter, position in waiters_of(at.turn, thread, WAITERS_ASKED_MAX)
            for above in _waiter_above(at, waiter, position)
        ]
    if thread.kind is not ThreadKind.CHILD:
        refuse(
            Code.FAILURE_HANDLED,
            f"thread {thread.number} is a handler, and has failed thread {thread.holder} with it;"
            " rescue that one",
        )
    return []


def is_wanted(at: At) -> bool:
    """Whether a thread of a run that is restarted goes on: its holder does, and its end was not
    handled.
    """
    thread = at.thread
    if thread.holder is None:
        return True
    holder = _thread(at, thread.holder)
    if holder.status not in THREAD_LIVE or HaltReason.HALTED_BY_PARENT in holder.halt_reasons:
        return False
    if thread.unnoticed or holder.handler == thread.number:
        return True
    if thread.waiters > WAITERS_ASKED_MAX:
        return True
    if thread.waiters:
        return any(_is_waited_for(at, *entry) for entry in waiters_of(at.turn, thread))
    return thread.kind is ThreadKind.CHILD  # what a handler serves is taken up itself


_DECIDED = (AwaitedStatus.COMPLETED_OR_FAILURE_HANDLED, AwaitedStatus.STOPPED)


def _is_waited_for(at: At, waiter: int, position: int) -> bool:
    upper = _thread(at, waiter)
    if upper.gone:
        return False
    now = _node_run(at, waiter, upper.position)
    if position not in (upper.position, now.retries) or upper.status is ThreadStatus.COMPLETED:
        return False
    if _node_run(at, waiter, position).status is NodeStatus.COMPLETED:
        return False
    awaited = awaited_of(at.turn, at.thread, waiter, position)
    if awaited is None or awaited.status in _DECIDED:
        return False
    return awaited.handler in (None, at.thread.number)


def _waiter_above(at: At, waiter: int, position: int) -> list[int]:
    """The waiter, if the thread's failure is why it failed."""
    awaited = awaited_of(at.turn, at.thread, waiter, position)
    if awaited is not None and _is_handled(awaited, at.thread):
        _refuse(at, f"thread {waiter} has handled its failure, or is about to")
    upper, node = _upper(at, waiter), _node_run(at, waiter, position)
    if node.status in NODE_LIVE:
        return []
    if node.status is NodeStatus.COMPLETED or (node.handled and not node.skipped):
        _refuse(at, f"thread {waiter} has gone on without it")
    if upper.thread.position != position:
        return []  # the wait has been begun anew, or skipped
    if _fell_by_its_exception(at.thread, upper.thread, node):
        return [upper.thread.number]
    return _failed_with(at, upper, node)


def _parent_above(at: At) -> list[int]:
    """The parent, if it failed at its EXIT because nobody had waited for the thread."""
    assert at.thread.parent is not None, "a child has a parent"
    parent = _upper(at, at.thread.parent)
    node = parent.node_run
    at_exit = node.node_type == exit_node.NODE.name and node.status in NODE_FAILED
    if at_exit or parent.thread.status in (ThreadStatus.COMPLETED, ThreadStatus.EXCEPTION):
        return _failed_with(at, parent, node)
    return []


def _failed_with(at: At, upper: At, node: NodeRun) -> list[int]:
    """The upper thread stands at a node that has failed, or it has ended."""
    status = upper.thread.status
    if status in THREAD_LIVE:
        _refuse(at, f"a handler of {_named(at, upper)} is dealing with it")
    if status is not ThreadStatus.ERROR:
        _refuse(at, f"{_named(at, upper)}, which it belongs to, has ended: {status}")
    caused = node.failure is not None and node.failure.name == FailureName.CHILD_FAILURE
    return [upper.thread.number] if caused else []


def _fell_by_its_exception(thread: ThreadRun, upper: ThreadRun, node: NodeRun) -> bool:
    """Whether an exception has gone up from a thread to who waited for it, under its name."""
    both = thread.status is upper.status is ThreadStatus.EXCEPTION
    if not both or thread.failure is None or upper.failure is None or node.failure is None:
        return False
    return thread.failure.name == upper.failure.name == node.failure.name


def _is_handled(awaited: Awaited, thread: ThreadRun) -> bool:
    if awaited.status is AwaitedStatus.COMPLETED_OR_FAILURE_HANDLED:
        return True
    return awaited.status is AwaitedStatus.HANDLING_FAILURE and awaited.handler != thread.number


def _upper(at: At, number: int) -> At:
    """Where a thread of the run stands that may go on with the one at hand."""
    upper = find(at.turn, at.run.wf_run_id, number)
    if upper is None:
        _refuse(at, f"thread {number}, which it belongs to, has ended, and is not kept")
    return upper


def _refuse(at: At, why: str) -> NoReturn:
    where = f"thread {at.thread.number} of WfRun {at.run.wf_run_id!r}"
    refuse(Code.FAILURE_HANDLED, f"{where} can not be rescued: {why}")


def _named(at: At, upper: At) -> str:
    name = f"thread {upper.thread.number}"
    same = at.run.wf_run_id == upper.run.wf_run_id
    return name if same else f"{name} of WfRun {upper.run.wf_run_id!r}"


def _thread(at: At, number: int) -> ThreadRun:
    thread = peek_thread(at.turn, at.run.wf_run_id, number)
    assert thread is not None, "it is a thread of the run"
    return thread


def _node_run(at: At, thread: int, position: int) -> NodeRun:
    found = at.turn.rows.peek(NodeRun, at.turn.tenant, at.run.wf_run_id, thread, position)
    assert found is not None, "which stood at that node"
    return found
