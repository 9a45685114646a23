"""RUN_THREADS: runs child threads and waits for them: each of several once, or one for each value
of an array, at most so many at a time. Its output is how many have ended, or that of the only one.

What threads are given lies in rows, and the node keeps counters: the ten thousandth costs no more
than the first. The first failure stops further starts; when those at work have ended, the node
fails with it. A visit that begins a failed one anew, after a rescue, goes on with its elements:
what has ended well stays, what goes on is joined, and all else gets a thread of its own.
"""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, cast

import msgspec
from msgspec.structs import replace

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import INDEX, INPUT, NodeCheck
from penstock.core.definitions.nodes import RunThreadsNode
from penstock.core.flow.agenda import wake_later
from penstock.core.flow.at import At
from penstock.core.flow.beginnings import begin_in_block, kept_thread
from penstock.core.flow.elements import (
    forget_elements,
    plan_at,
    plan_before,
    planned,
    thread_of,
    values_of,
)
from penstock.core.flow.node import NodeType, any_exceptions
from penstock.core.flow.outcomes import WAIT, Done, Failed, Outcome
from penstock.core.flow.room import no_room
from penstock.core.flow.tally import count_bad, count_good, tell
from penstock.core.flow.waiters import is_lost, is_over, wait_for_thread
from penstock.core.flow.waits import Work, failure_of, give_back_ends, take_notice
from penstock.core.flow.warned import notice
from penstock.core.limits import THREADS_AFTER_MAX
from penstock.core.state.failures import Failure, FailureName, seen_from_above
from penstock.core.state.keys import after_prefix
from penstock.core.state.replay_rows import Replayed
from penstock.core.state.run import ThreadRun
from penstock.core.state.thread_rows import (
    Awaited,
    AwaitedEnd,
    AwaitedStatus,
    EachThread,
)
from penstock.core.state.transitions import THREAD_LIVE, ThreadStatus
from penstock.core.values.casts import check_assignable
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ArrayOf, ValueProblem, ValueType, is_array, parse_type
from penstock.core.values.value import parts_in, value_bytes

ENDED_WELL: Final = AwaitedStatus.COMPLETED_OR_FAILURE_HANDLED
SHOWN_MAX: Final = 10


def arrive(at: At) -> Outcome:
    """Check all that could go wrong, so that no thread is begun in vain, and keep it; or go on with
    what the visit before has kept.
    """
    before = plan_before(at)
    if before is not None:
        at.turn.rows.put(replace(before, position=at.node_run.position))
        return _go_on(at, Work(before.count, [], origin=before.origin, joined=0))
    made = planned(at)
    if isinstance(made, Failure):
        return Failed(made)
    return _go_on(at, Work(made.count, [], origin=made.origin))


def look(at: At) -> Outcome:
    """Take notice of threads that have ended, and begin others."""
    return _go_on(at, msgspec.convert(at.node_run.progress, Work))


def leave(at: At) -> None:
    """What is kept of the elements stays: the node may be visited anew."""
    at.node_run.progress = None
    give_back_ends(at)


def _go_on(at: At, work: Work) -> Outcome:
    """Join threads that a visit before has begun, count those that have ended, and begin others, as
    far as the turn allows.
    """
    done = work.decided or (_join(at, work) and _count_ends(at, work) and _begin_more(at, work))
    if done and work.good == work.count:
        work.decided = True
        done = forget_elements(at, work.origin)
    if not done:
        wake_later(at.turn, at.run.wf_run_id, at.thread.number)
    tell(at, work)
    at.node_run.progress = msgspec.to_builtins(work)
    if done and work.decided:
        return _output(at) if cast(RunThreadsNode, at.config).gives_output else Done(work.count)
    if done and work.failure is not None and work.at_work == 0:
        return Failed(work.failure)
    return WAIT


def _output(at: At) -> Outcome:
    """What the only thread has returned: of several that were begun for it, the one that has ended
    well.
    """
    turn, here = at.turn, (at.thread.number, at.node_run.position)
    for awaited in turn.rows.scan(Awaited, turn.tenant, at.run.wf_run_id, *here):
        thread = _thread(at, awaited.child)
        if thread.status is ThreadStatus.COMPLETED:
            return Done(thread.output, thread.masked)
    return Done()


def _spend(at: At) -> bool:
    """One more thing is done in this turn; False if it may do no more (R3)."""
    if at.turn.nodes_left == 0 or at.turn.is_full():
        return False
    at.turn.nodes_left -= 1
    return True


def _join(at: At, work: Work) -> bool:
    """Wait for threads that go on since a visit before, so that no more than may be are at work."""
    if work.joined is None:
        return True
    of_elements = (at.turn.tenant, at.run.wf_run_id, at.thread.number, work.origin)
    start = EachThread.key(*of_elements, work.joined)
    for _, row in at.turn.rows.range(EachThread, start, after_prefix(EachThread.key(*of_elements))):
        if not _spend(at):
            work.joined = row.element
            return False
        _take_over(at, work, row)
    work.joined = None
    return True


def _take_over(at: At, work: Work, begun: EachThread) -> bool:
    """See to a thread that was begun before: it has ended well, or is waited for. False if its
    element wants another one.
    """
    turn, here = at.turn, (at.thread.number, at.node_run.position)
    if turn.rows.peek(Awaited, turn.tenant, at.run.wf_run_id, *here, begun.child) is not None:
        return True
    thread, awaited = _thread(at, begun.child), _awaited(at, begun.child, begun.element)
    if thread.status is ThreadStatus.COMPLETED:
        notice(at, thread)
        _count_good(at, work, awaited, thread)
    elif thread.status in THREAD_LIVE and not is_lost(turn, thread):
        wait_for_thread(turn, thread, *here)
        turn.rows.put(thread)
    else:
        return False
    turn.rows.put(awaited)
    work.begun += 1
    return True


def _awaited(at: At, child: int, element: int) -> Awaited:
    """That the node waits for a thread."""
    here = (at.turn.tenant, at.run.wf_run_id, at.thread.number, at.node_run.position)
    return Awaited(*here, child, AwaitedStatus.THREAD_IN_PROGRESS, element=element)


def _count_ends(at: At, work: Work) -> bool:
    """Count threads that have ended since the last look."""
    turn, here = at.turn, (at.thread.number, at.node_run.position)
    for end in turn.rows.scan(AwaitedEnd, turn.tenant, at.run.wf_run_id, *here):
        if not _spend(at):
            return False
        turn.rows.delete(end)
        ended = _thread(at, end.child)
        if ended.end_number == end.end_number and is_over(turn, ended):
            _count(at, work, ended)
    return True


def _count(at: At, work: Work, ended: ThreadRun) -> None:
    turn, here = at.turn, (at.thread.number, at.node_run.position)
    awaited = turn.rows.get(Awaited, turn.tenant, at.run.wf_run_id, *here, ended.number)
    assert awaited is not None, "only what was begun or joined tells"
    if awaited.status is not AwaitedStatus.THREAD_IN_PROGRESS:
        return
    notice(at, ended)
    if ended.status is ThreadStatus.COMPLETED:
        _count_good(at, work, awaited, ended)
    else:
        count_bad(at, work, ended)
        awaited.status, awaited.end_number = AwaitedStatus.UNSUCCESSFUL, ended.end_number
        work.bad += 1
        failure = seen_from_above(failure_of(ended), f"thread {ended.number}")
        work.failure = failure if work.failure is None else work.failure.beside(failure)
    turn.rows.put(awaited)


def _count_good(at: At, work: Work, awaited: Awaited, ended: ThreadRun) -> None:
    awaited.status = ENDED_WELL
    work.good += 1
    count_good(at, work, ended)
    if cast(RunThreadsNode, at.config).after:
        work.ended.append(awaited.element)


def _begin_more(at: At, work: Work) -> bool:
    """Begin threads, as many as may be at work; False if the turn's budget is spent."""
    config = cast(RunThreadsNode, at.config)
    while work.failure is None and (work.held or work.next < work.count):
        if config.concurrency and work.at_work >= config.concurrency:
            break
        if not _spend(at):
            return False
        element = _next(config, work)
        if element is None:
            break
        _see_to(at, work, element)
    return True


def _next(config: RunThreadsNode, work: Work) -> int | None:
    """The element that comes next; None if all that are left come after one that has not ended."""
    ended = {config.threads[element] for element in work.ended}
    for element in work.held:
        if ended.issuperset(config.after.get(config.threads[element], ())):
            work.held.remove(element)
            return element
    while work.next < work.count:
        element, work.next = work.next, work.next + 1
        if not config.after or ended.issuperset(config.after.get(config.threads[element], ())):
            return element
        work.held.append(element)
    return None


def _see_to(at: At, work: Work, element: int) -> None:
    """Begin a thread for the element, unless one that a visit before has begun still counts."""
    kept = None
    if work.origin != at.node_run.position:
        place = (at.turn.tenant, at.run.wf_run_id, at.thread.number, work.origin, element)
        begun = at.turn.rows.peek(EachThread, *place)
        if begun is not None:
            if _take_over(at, work, begun):
                return
            kept = kept_thread(at, begun.child)
            if kept is None:
                _give_up(at, begun)
    full = no_room(at.run, at.thread)  # others have begun threads meanwhile
    if full is not None:
        work.failure = full
        return
    try:
        _begin(at, work, element, kept)
    except ValueProblem as problem:  # a migration has changed what the thread takes
        work.failure = Failure(FailureName.VAR_SUB_ERROR, str(problem))


def _begin(at: At, work: Work, element: int, kept: Replayed | None) -> None:
    rows, place = at.turn.rows, (at.turn.tenant, at.run.wf_run_id, at.thread.number)
    plan = plan_at(at, at.node_run.position)
    assert plan is not None, "it stays while the node waits"
    values = values_of(at, plan, element, kept)
    at.turn.output_bytes += value_bytes(values)  # of rows, which are as dear as what is sent
    at.turn.pay(0, parts_in(values))
    child = begin_in_block(at, thread_of(at, element), values, plan.masked, kept)
    rows.put(_awaited(at, child, element))
    rows.put(EachThread(*place, work.origin, element, child))
    work.begun += 1


def _give_up(at: At, begun: EachThread) -> None:
    """What has failed is done again by another thread: it counts as handled, so that it is not to
    be rescued by itself.
    """
    failed, awaited = _thread(at, begun.child), _awaited(at, begun.child, begun.element)
    take_notice(at, failed)
    wait_for_thread(at.turn, failed, at.thread.number, at.node_run.position)
    at.turn.rows.put(failed)
    awaited.status = ENDED_WELL
    at.turn.rows.put(awaited)


def _thread(at: At, number: int) -> ThreadRun:
    thread = at.turn.rows.get(ThreadRun, at.turn.tenant, at.run.wf_run_id, number)
    assert thread is not None, "a thread's row stays while its run does"
    return thread


def carries(before: NodeConfig, after: NodeConfig) -> str | None:
    """Elements are what they were when the node was reached."""
    old, new = cast(RunThreadsNode, before), cast(RunThreadsNode, after)
    if (old.values is None) != (new.values is None):
        return "runs threads for values in one version, and not in the other"
    if old.values is None and (old.threads, old.after) != (new.threads, new.after):
        return "runs other threads there, or in another order"
    return None


def check(check: NodeCheck) -> None:
    """The threads exist and get what they want, and there is an order in which they can be run."""
    config = cast(RunThreadsNode, check.config)
    if not config.threads:
        check.fault(FaultKind.NO_THREADS, "`threads` names none to run")
    if len(set(config.threads)) < len(config.threads):
        check.fault(FaultKind.THREAD_TWICE, "`threads` names one twice; each is run once")
    besides = () if config.values is None else (INPUT, INDEX)
    for name in config.threads:
        check.starts_thread(name, config.variables, given_besides=besides)
    if config.gives_output and (len(config.threads) != 1 or config.values is not None):
        check.fault(
            FaultKind.OUTPUT_OF_SEVERAL,
            "`gives_output` is for a node with one thread, and without `values`",
        )
    if config.tally is not None and (config.values is None or not config.publish):
        message = "`tally` counts threads for `values`, and is published: it wants both"
        check.fault(FaultKind.BAD_TALLY, message)
    _check_given(check, config)
    if config.values is None:
        _check_order(check, config)
    else:
        _check_values(check, config, config.values)


def _check_given(check: NodeCheck, config: RunThreadsNode) -> None:
    """What is given is worked out once for all."""
    threads = [check.body.threads[name] for name in config.threads if name in check.body.threads]
    for name in sorted(config.variables):
        types = {str(found.type) for thread in threads if (found := thread.variable(name))}
        if len(types) > 1:
            check.fault(
                FaultKind.THREAD_INPUT_TYPES_DIFFER,
                f"variable {name!r} has different types in the threads: {sorted(types)}",
            )


def _check_values(check: NodeCheck, config: RunThreadsNode, values: Expression) -> None:
    if len(config.threads) > 1:
        message = "a node with `values` runs one thread; name only that"
        check.fault(FaultKind.THREADS_FOR_VALUES, message)
    if config.after:
        message = "threads for `values` are begun in their order; remove `after`"
        check.fault(FaultKind.AFTER_WITH_VALUES, message)
    for name in sorted({INPUT, INDEX} & config.variables.keys()):
        message = f"variable {name!r} is given the value, or its number; name it otherwise"
        check.fault(FaultKind.THREAD_INPUT_TAKEN, message)
    found = check.type_of(values)
    if found is not None and found is not ValueType.STR and not is_array(found):
        message = f"values: {found} is neither an array nor a STR that may be one"
        check.fault(FaultKind.TYPE_MISMATCH, message)
    thread = check.body.threads.get(config.threads[0]) if config.threads else None
    index = thread and thread.variable(INDEX)
    if index and index.type != ValueType.INT:
        message = f"variable {INDEX!r} is {index.type}; the number of a value is INT"
        check.fault(FaultKind.INDEX_TYPE, message)
    element = thread and thread.variable(INPUT)
    if element and isinstance(found, ArrayOf):
        try:
            check_assignable(found.item, parse_type(element.type))
        except ValueProblem as problem:
            check.problem(FaultKind.ELEMENT_TYPE, problem, f"variable {INPUT!r}: ")


def _check_order(check: NodeCheck, config: RunThreadsNode) -> None:
    """Who comes after whom is known, and nobody after itself."""
    pairs: list[Any] = [one for names in config.after.values() for one in names]
    if len(pairs) > THREADS_AFTER_MAX:
        message = f"`after` has {len(pairs)} entries; it may have {THREADS_AFTER_MAX}"
        check.fault(FaultKind.AFTER_COUNT, message)
        return
    for name in sorted({*config.after, *pairs} - {*config.threads}):
        message = f"`after` names {name!r}, which is not among `threads`"
        check.fault(FaultKind.AFTER_UNKNOWN, message)
    try:
        TopologicalSorter(config.after).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        more = " -> ..." if len(circle) > SHOWN_MAX else ""
        shown = " -> ".join(circle[:SHOWN_MAX])
        check.fault(FaultKind.AFTER_CIRCLE, f"`after` goes round in a circle: {shown}{more}")


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The values and the variables."""
    node = cast(RunThreadsNode, config)
    if node.values is not None:
        yield node.values
    yield from node.variables.values()


NODE = NodeType(
    "RUN_THREADS",
    RunThreadsNode,
    arrive,
    look=look,
    leave=leave,
    carries=carries,
    check=check,
    expressions=expressions,
    exceptions=any_exceptions,
    waits=True,
)
