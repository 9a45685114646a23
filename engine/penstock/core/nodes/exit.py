"""EXIT: where a thread ends, with a value it returns or a failure it throws.

It waits until every thread below has ended or is halted. One of them that has failed, and that
nobody has waited for, is a CHILD_FAILURE here; one that has a warning, is one here.
"""

from collections.abc import Iterator
from typing import Final, cast

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import ExitNode
from penstock.core.flow.agenda import wake, wake_later
from penstock.core.flow.at import At, peek_thread
from penstock.core.flow.node import NodeType, gives_nothing
from penstock.core.flow.outcomes import WAIT, Ended, Failed, Outcome
from penstock.core.flow.warned import warn_thread
from penstock.core.ids import is_inner_name
from penstock.core.state.failures import GROUPS, UNHANDLED, Failure, FailureName
from penstock.core.state.keys import after_prefix
from penstock.core.state.run import OWN_REASONS, HaltReason
from penstock.core.state.thread_rows import LiveChild
from penstock.core.state.transitions import THREAD_LIVE, ThreadStatus
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueProblem


def arrive(at: At) -> Outcome:
    """Throw, or end once nothing below is at work."""
    throws = cast(ExitNode, at.config).throws
    if throws is None:
        return look(at)
    if throws.content is None:
        return Failed(Failure(throws.name, throws.message))
    content = at.evaluate(throws.content)
    return Failed(Failure(throws.name, throws.message, content, at.masked))


def look(at: At) -> Outcome:
    """End the thread, unless something below it is at work."""
    if at.thread.failed_children:
        message = f"{at.thread.failed_children} child threads have failed, and were not waited for"
        return Failed(Failure(FailureName.CHILD_FAILURE, message))
    if at.thread.moving_children or _some_run_again(at):
        return WAIT
    if at.thread.warned_children:
        warn_thread(at)
    returns = cast(ExitNode, at.config).returns
    try:
        if returns is None:
            return Ended()
        output = at.evaluate(returns)
        return Ended(output, at.masked)
    except ValueProblem as problem:
        return Failed(Failure(FailureName.VAR_SUB_ERROR, str(problem)))


def _some_run_again(at: At) -> bool:
    """Whether a thread below that was halted with this one has still to run again: it is woken.
    They are looked through, so many a turn, only if this thread has held them at all.
    """
    turn, run_id, thread = at.turn, at.run.wf_run_id, at.thread
    has_held = thread.spilled or any(fact.status in _HOLDING for fact in thread.history)
    if not thread.live_children or not has_held:
        return False
    seen: int = (at.node_run.progress or {"seen": 0})["seen"]
    at.node_run.progress = None
    prefix = LiveChild.key(turn.tenant, run_id, thread.number)
    start = LiveChild.key(turn.tenant, run_id, thread.number, seen)
    for _, row in turn.rows.range(LiveChild, start, after_prefix(prefix)):
        if turn.nodes_left == 0:
            at.node_run.progress = {"seen": row.child}
            wake_later(turn, run_id, thread.number)
            return True
        turn.nodes_left -= 1
        if _runs_again(at, row.child):
            wake(turn, run_id, row.child)
            return True
    return False


_HOLDING: Final = (ThreadStatus.HALTED, ThreadStatus.ERROR)  # and then it was rescued


def _runs_again(at: At, number: int) -> bool:
    """Whether a thread is halted for nothing but handlers of its own or its holder, down to the
    handler that is at work.
    """
    handler: int | None = number
    while handler is not None:
        thread = peek_thread(at.turn, at.run.wf_run_id, handler)
        if thread is None or thread.status not in THREAD_LIVE:
            return False
        if not (OWN_REASONS | {HaltReason.PARENT_HALTED}).issuperset(thread.halt_reasons):
            return False
        handler = thread.handler
    return True


def check(check: NodeCheck) -> None:
    """Nothing comes after an EXIT, and it either returns or throws."""
    config = cast(ExitNode, check.config)
    if config.edges:
        check.fault(FaultKind.EXIT_EDGES, "an EXIT has no edges; remove them")
    if config.throws is None:
        return
    if config.returns is not None:
        check.fault(
            FaultKind.EXIT_CHOICE, "an EXIT either returns or throws; remove one of the two"
        )
    if not is_inner_name(config.throws.name) or config.throws.name in {*GROUPS, "EXCEPTION"}:
        check.fault(FaultKind.BAD_FAILURE_NAME, f"{config.throws.name!r} is no name for a failure")
    if config.throws.name in UNHANDLED:
        check.fault(
            FaultKind.RESERVED_FAILURE_NAME,
            f"{config.throws.name} is what operators and the engine end a thread with",
        )


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """What is returned or thrown."""
    node = cast(ExitNode, config)
    if node.returns is not None:
        yield node.returns
    if node.throws is not None and node.throws.content is not None:
        yield node.throws.content


NODE = NodeType(
    "EXIT",
    ExitNode,
    arrive,
    look=look,
    check=check,
    expressions=expressions,
    gives=gives_nothing,
    ends=True,
)
