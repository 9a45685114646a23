"""WAIT_FOR_THREADS: waits for threads of the run: for all, for the first to end, or for any to end
well. What decides is kept as counters, so that ten thousand threads cost no more each than two.

A child that fails may be handled by a thread of its own, which sees the child's variables; then it
counts as one that ended well. Once the wait is decided, threads that are not needed are halted.
"""

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import Strategy, WaitForThreadsNode
from penstock.core.flow.agenda import wake, wake_later
from penstock.core.flow.at import At
from penstock.core.flow.node import NodeType, any_exceptions, gives_nothing
from penstock.core.flow.outcomes import WAIT, Done, Failed, Outcome
from penstock.core.flow.room import no_room, unhandled
from penstock.core.flow.threads import begin_child, handler_input
from penstock.core.flow.waiters import first_untold, is_over, note_end, wait_for_thread
from penstock.core.flow.waits import Wait, failure_of, give_back_ends, take_notice
from penstock.core.flow.warned import notice, warn
from penstock.core.state.failures import (
    Failure,
    FailureName,
    handler_of,
    seen_from_above,
)
from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import copy_of
from penstock.core.state.run import HaltReason, ThreadKind, ThreadRun
from penstock.core.state.thread_rows import Awaited, AwaitedEnd, AwaitedStatus
from penstock.core.state.transitions import THREAD_LIVE, ThreadStatus
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueProblem, ValueType, is_array
from penstock.core.values.value import Value, type_name


def arrive(at: At) -> Outcome:
    """Begin to wait for threads that exist."""
    config = cast(WaitForThreadsNode, at.config)
    wanted: dict[int, None] = {}
    for expression in config.threads:
        value = at.evaluate(expression)
        for number in cast("list[Any]", value if isinstance(value, list) else [value]):
            wanted.setdefault(_number(at, number))
    return _go_on(at, Wait(len(wanted), list(wanted)))


def look(at: At) -> Outcome:
    """Take notice of threads that have ended."""
    return _go_on(at, msgspec.convert(at.node_run.progress, Wait))


def leave(at: At) -> None:
    """Ends that were not looked at are given back; rows of threads say what became of them."""
    at.node_run.progress = None
    give_back_ends(at)


def _number(at: At, value: Value) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueProblem(f"threads: {type_name(value)} is no number of a thread")
    if not 0 < value < at.run.threads or value == at.thread.number:
        raise ValueProblem(f"threads: there is no thread {value} to wait for")
    return value


def _go_on(at: At, wait: Wait) -> Outcome:
    """Join threads, count those that have ended, and stop what is not needed, as far as the turn
    allows.
    """
    done = _join(at, wait) and _count_ends(at, wait)
    done = done and (not wait.decided or _stop_others(at, wait))
    if not done:
        wake_later(at.turn, at.run.wf_run_id, at.thread.number)
    at.node_run.progress = msgspec.to_builtins(wait)
    if not done or not wait.decided:
        return WAIT
    return Done() if wait.failure is None else Failed(wait.failure)


def _join(at: At, wait: Wait) -> bool:
    """Have each thread tell of its end; one that has ended already has told. False if the turn's
    budget is spent.
    """
    turn, run_id, here = at.turn, at.run.wf_run_id, (at.thread.number, at.node_run.position)
    wanted, wait.to_join = wait.to_join, []
    for joined, number in enumerate(wanted):
        if turn.nodes_left == 0:
            wait.to_join = wanted[joined:]
            return False
        turn.nodes_left -= 1
        awaited = Awaited(turn.tenant, run_id, *here, number, AwaitedStatus.THREAD_IN_PROGRESS)
        if _join_one(at, awaited):
            wait.good += 1
        turn.rows.put(awaited)
    return True


def _join_one(at: At, awaited: Awaited) -> bool:
    """Join a thread. When the wait is begun anew, after a rescue, what came of the threads before
    still holds: True for one that had ended well; one that has failed is not handled twice.
    """
    turn, here = at.turn, (at.thread.number, at.node_run.position)
    before, joined = _before(at, awaited.child), _thread(at, awaited.child)
    if before is not None and before.status is AwaitedStatus.COMPLETED_OR_FAILURE_HANDLED:
        awaited.status = before.status
        if joined.warned:
            warn(at)
        return True
    if before is not None and before.handler is not None and joined.status not in THREAD_LIVE:
        awaited.status, awaited.handler = AwaitedStatus.HANDLING_FAILURE, before.handler
        joined = _thread(at, before.handler)
    if is_over(turn, joined):
        note_end(turn, joined, *here)
    if joined.status not in THREAD_LIVE and joined.parent != at.thread.number:
        take_notice(at, joined)  # its parent may come to its EXIT before this one looks
    wait_for_thread(turn, joined, *here)
    turn.rows.put(joined)
    return False


def _before(at: At, child: int) -> Awaited | None:
    """What the failed visit that this one begins anew knew of a thread."""
    position = at.node_run.retries
    if position is None:
        return None
    waiter = (at.turn.tenant, at.run.wf_run_id, at.thread.number)
    return at.turn.rows.peek(Awaited, *waiter, position, child)


def _thread(at: At, number: int) -> ThreadRun:
    thread = at.turn.rows.get(ThreadRun, at.turn.tenant, at.run.wf_run_id, number)
    assert thread is not None, "arrive has seen to it"
    return thread


def _count_ends(at: At, wait: Wait) -> bool:
    """Count threads that have ended since the last look, in the order in which they did, so that
    the first that can decide the wait does. Those behind it are taken notice of.
    """
    turn, here = at.turn, (at.run.wf_run_id, at.thread.number, at.node_run.position)
    _decide(at, wait)
    untold: int | None = None
    for number, end in enumerate(turn.rows.scan(AwaitedEnd, turn.tenant, *here)):
        if number == 0 and not wait.decided:
            untold = first_untold(turn, *here)
        if untold is not None and end.end_number > untold and not wait.decided:
            break
        if turn.nodes_left == 0:
            return False
        turn.nodes_left -= 1
        turn.rows.delete(end)
        ended = _thread(at, end.child)
        if ended.end_number == end.end_number and is_over(turn, ended):
            _count(at, wait, ended)
            _decide(at, wait)
    return True


def _count(at: At, wait: Wait, ended: ThreadRun) -> None:
    """One more has ended: the thread itself, or the handler of its failure. One that is lost has
    not ended well. Who is counted already is not counted twice.
    """
    turn, here = at.turn, (at.thread.number, at.node_run.position)
    awaited = turn.rows.get(Awaited, turn.tenant, at.run.wf_run_id, *here, ended.number)
    handled = awaited is None
    if awaited is None:
        assert ended.parent is not None, "a handler stands below what it handles"
        awaited = turn.rows.get(Awaited, turn.tenant, at.run.wf_run_id, *here, ended.parent)
    assert awaited is not None, "only what was joined tells"
    at_work = AwaitedStatus.HANDLING_FAILURE if handled else AwaitedStatus.THREAD_IN_PROGRESS
    if awaited.status is not at_work:
        return
    notice(at, ended)
    failure = failure_of(ended)
    if ended.status is ThreadStatus.COMPLETED:
        awaited.status = AwaitedStatus.COMPLETED_OR_FAILURE_HANDLED
        wait.good += 1
    else:
        final = handled or wait.decided or ended.failure is None
        left = failure if final else _handle(at, awaited, ended)
        _count_failed(wait, awaited, left)
        awaited.end_number = ended.end_number
    turn.rows.put(awaited)


def _count_failed(wait: Wait, awaited: Awaited, failure: Failure | None) -> None:
    """One more has failed; None: its handler is at work."""
    if failure is not None:
        awaited.status = AwaitedStatus.UNSUCCESSFUL
        wait.bad += 1
        if wait.failure is None and not wait.decided:
            wait.failure = seen_from_above(failure, f"thread {awaited.child}")


def _handle(at: At, awaited: Awaited, failed: ThreadRun) -> Failure | None:
    """Start the handler of a child's failure; the failure again, if there is none or no room."""
    assert failed.failure is not None, "a thread fails with a failure"
    handler = handler_of(cast(WaitForThreadsNode, at.config).thread_handlers, failed.failure)
    if handler is None:
        return failed.failure
    full = no_room(at.run, failed)
    if full is not None:
        return unhandled(failed.failure, full)
    values = handler_input(at.turn, at.spec.body.threads[handler.thread], failed.failure.content)
    kind, masked = ThreadKind.FAILURE_HANDLER, values if failed.failure.masked else ()
    begun = begin_child(
        at, kind, handler.thread, values, parent=failed, awaited=True, masked=masked
    )
    awaited.status, awaited.handler = AwaitedStatus.HANDLING_FAILURE, begun.number
    return None


def _decide(at: At, wait: Wait) -> None:
    """Whether what has been counted decides the wait; drops a failure that does not matter."""
    if wait.decided:
        return
    strategy = cast(WaitForThreadsNode, at.config).strategy
    all_ended = wait.good + wait.bad == wait.count
    if strategy is Strategy.WAIT_FOR_ALL:
        wait.decided = all_ended or wait.bad > 0
    elif strategy is Strategy.WAIT_FOR_FIRST:
        wait.decided = all_ended or wait.good + wait.bad > 0
    else:
        wait.decided = all_ended or wait.good > 0
        if wait.good:
            wait.failure = None
        elif all_ended and wait.bad:
            message = f"all of {wait.bad} threads have failed"
            wait.failure = Failure(FailureName.CHILD_FAILURE, message)


def _stop_others(at: At, wait: Wait) -> bool:
    """Halt for good what has not ended and is not needed: after a failure of one of all, the thread
    that fails halts its children anyway.
    """
    if cast(WaitForThreadsNode, at.config).strategy is Strategy.WAIT_FOR_ALL:
        return True
    turn, here = at.turn, (at.thread.number, at.node_run.position)
    prefix = Awaited.key(turn.tenant, at.run.wf_run_id, *here)
    start = Awaited.key(turn.tenant, at.run.wf_run_id, *here, wait.stopped)
    for _, row in turn.rows.range(Awaited, start, after_prefix(prefix)):
        if turn.nodes_left == 0:
            wait.stopped = row.child
            return False
        turn.nodes_left -= 1
        if row.status in _AT_WORK:
            _stop(at, row.child if row.handler is None else row.handler)
            awaited = copy_of(row)
            awaited.status = AwaitedStatus.STOPPED
            turn.rows.put(awaited)
    return True


_AT_WORK = frozenset((AwaitedStatus.THREAD_IN_PROGRESS, AwaitedStatus.HANDLING_FAILURE))


def _stop(at: At, number: int) -> None:
    thread = at.turn.rows.get(ThreadRun, at.turn.tenant, at.run.wf_run_id, number)
    assert thread is not None, "a thread of the run"
    take_notice(at, thread)
    if thread.status in THREAD_LIVE and HaltReason.HALTED_BY_PARENT not in thread.halt_reasons:
        thread.halt_reasons = (*thread.halt_reasons, HaltReason.HALTED_BY_PARENT)
        thread.ended = at.run.steps
        at.turn.rows.put(thread)
        wake(at.turn, at.run.wf_run_id, number)


def carries(before: NodeConfig, after: NodeConfig) -> str | None:
    """It goes on waiting for the same threads; what it has counted was counted for one strategy."""
    old, new = cast(WaitForThreadsNode, before), cast(WaitForThreadsNode, after)
    return None if old.strategy is new.strategy else f"has the strategy {new.strategy} there"


def check(check: NodeCheck) -> None:
    """Handlers exist."""
    for expression in cast(WaitForThreadsNode, check.config).threads:
        found = check.type_of(expression)
        if found is not None and found is not ValueType.INT and not is_array(found):
            check.fault(
                FaultKind.TYPE_MISMATCH,
                f"threads: {found} is neither the number of a thread nor an array of them",
            )
    for handler in cast(WaitForThreadsNode, check.config).thread_handlers:
        check.handles(handler)


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The threads."""
    yield from cast(WaitForThreadsNode, config).threads


NODE = NodeType(
    "WAIT_FOR_THREADS",
    WaitForThreadsNode,
    arrive,
    look=look,
    leave=leave,
    carries=carries,
    check=check,
    expressions=expressions,
    exceptions=any_exceptions,
    gives=gives_nothing,
    waits=True,
)
