"""What became of a thread's failure: whether it was handled, and who failed because of it."""

from __future__ import annotations

from typing import Final, NoReturn

from penstock.core.errors import Code, refuse
from penstock.core.flow.at import At, peek_thread
from penstock.core.flow.waits import awaited_of
from penstock.core.nodes import exit as exit_node
from penstock.core.state.failures import FailureName
from penstock.core.state.run import HaltReason, NodeRun, ThreadKind, ThreadRun
from penstock.core.state.thread_rows import Awaited, AwaitedStatus
from penstock.core.state.transitions import NODE_LIVE, THREAD_LIVE, NodeStatus, ThreadStatus

FAILED: Final = frozenset((ThreadStatus.ERROR, ThreadStatus.EXCEPTION))
NODE_FAILED: Final = frozenset((NodeStatus.ERROR, NodeStatus.EXCEPTION))


def threads_above(at: At) -> list[int]:
    """The threads that failed because this one did; refuses when the failure was handled, or does
    not matter any more.
    """
    thread = at.thread
    if thread.unnoticed:
        return _parent_above(at)
    if thread.awaited_by:
        return [
            above
            for waiter, position in thread.awaited_by
            for above in _waiter_above(at, waiter, position)
        ]
    if thread.kind is ThreadKind.ENTRYPOINT:
        return []
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
    if thread.awaited_by:
        return any(_is_waited_for(at, *entry) for entry in thread.awaited_by)
    return thread.kind is ThreadKind.CHILD  # what a handler serves is taken up itself


_DECIDED = (AwaitedStatus.COMPLETED_OR_FAILURE_HANDLED, AwaitedStatus.STOPPED)


def _is_waited_for(at: At, waiter: int, position: int) -> bool:
    upper = _thread(at, waiter)
    now = _node_run(at, waiter, upper.position)
    if position not in (upper.position, now.retries) or upper.status is ThreadStatus.COMPLETED:
        return False
    if _node_run(at, waiter, position).status is NodeStatus.COMPLETED:
        return False
    awaited = awaited_of(at, waiter, position)
    if awaited is None or awaited.status in _DECIDED:
        return False
    return awaited.handler in (None, at.thread.number)


def _waiter_above(at: At, waiter: int, position: int) -> list[int]:
    """The waiter, if the thread's failure is why it failed."""
    awaited = awaited_of(at, waiter, position)
    if awaited is not None and _is_handled(awaited, at.thread):
        _refuse(at, f"thread {waiter} has handled its failure, or is about to")
    upper, node = _thread(at, waiter), _node_run(at, waiter, position)
    if node.status in NODE_LIVE:
        return []
    if node.status is NodeStatus.COMPLETED or (node.handled and not node.skipped):
        _refuse(at, f"thread {waiter} has gone on without it")
    if upper.position != position:
        return []  # the wait has been begun anew, or skipped
    return _failed_with(at, upper, node)


def _parent_above(at: At) -> list[int]:
    """The parent, if it failed at its EXIT because nobody had waited for the thread."""
    assert at.thread.parent is not None, "a child has a parent"
    parent = _thread(at, at.thread.parent)
    node = _node_run(at, parent.number, parent.position)
    at_exit = node.node_type == exit_node.NODE.name and node.status in NODE_FAILED
    if at_exit or parent.status in (ThreadStatus.COMPLETED, ThreadStatus.EXCEPTION):
        return _failed_with(at, parent, node)
    return []


def _failed_with(at: At, upper: ThreadRun, node: NodeRun) -> list[int]:
    """The upper thread stands at a node that has failed, or it has ended."""
    if upper.status in THREAD_LIVE:
        _refuse(at, f"a handler of thread {upper.number} is dealing with it")
    if upper.status is not ThreadStatus.ERROR:
        _refuse(at, f"thread {upper.number}, which it belongs to, has ended: {upper.status}")
    caused = node.failure is not None and node.failure.name == FailureName.CHILD_FAILURE
    return [upper.number] if caused else []


def _is_handled(awaited: Awaited, thread: ThreadRun) -> bool:
    if awaited.status is AwaitedStatus.COMPLETED_OR_FAILURE_HANDLED:
        return True
    return awaited.status is AwaitedStatus.HANDLING_FAILURE and awaited.handler != thread.number


def _refuse(at: At, why: str) -> NoReturn:
    refuse(Code.FAILURE_HANDLED, f"thread {at.thread.number} can not be rescued: {why}")


def _thread(at: At, number: int) -> ThreadRun:
    thread = peek_thread(at.turn, at.run.wf_run_id, number)
    assert thread is not None, "it is a thread of the run"
    return thread


def _node_run(at: At, thread: int, position: int) -> NodeRun:
    found = at.turn.rows.peek(NodeRun, at.turn.tenant, at.run.wf_run_id, thread, position)
    assert found is not None, "which stood at that node"
    return found
