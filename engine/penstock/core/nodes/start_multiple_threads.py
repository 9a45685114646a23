"""START_MULTIPLE_THREADS: starts a child thread for each element of an array, so many a turn, and
goes on when all have been started. Its output is their numbers, in the order of the elements.
"""

from collections.abc import Iterator
from typing import Any, cast

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import INPUT, NodeCheck
from penstock.core.definitions.nodes import StartMultipleThreadsNode
from penstock.core.flow.agenda import wake_later
from penstock.core.flow.at import NOT_SHOWN, At
from penstock.core.flow.node import NodeType
from penstock.core.flow.outcomes import WAIT, Done, Failed, Outcome
from penstock.core.flow.room import no_room
from penstock.core.flow.threads import begin_child, checked_values, given_values
from penstock.core.limits import THREADS_PER_START_MAX
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import ThreadKind
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueProblem, is_array
from penstock.core.values.value import Value, coerce, type_name, value_bytes


def arrive(at: At) -> Outcome:
    """Check all that could go wrong, so that no thread is started in vain."""
    config = cast(StartMultipleThreadsNode, at.config)
    items = at.evaluate(config.iterable)
    hidden = [INPUT] if at.masked else []
    if not isinstance(items, list):
        raise ValueProblem(f"iterable: {type_name(items)} is no array")
    count = len(cast("list[Any]", items))
    if count > THREADS_PER_START_MAX:
        message = f"{count} threads: one node may start {THREADS_PER_START_MAX}"
        return Failed(Failure(FailureName.LIMIT, message))
    full = no_room(at.run, at.thread, count)
    if count and full is not None:
        return Failed(full)
    blueprint = at.spec.body.threads[config.thread]
    given, of_given = given_values(at, blueprint, config.variables)
    try:
        for item in cast("list[Any]", items):
            _input(at, item)
        if items:
            given = checked_values(at.turn, blueprint, given | _input(at, items[0]))
    except ValueProblem as problem:
        raise ValueProblem(NOT_SHOWN if hidden else str(problem)) from None
    masked = [*of_given, *hidden]
    at.node_run.progress = {"items": items, "given": given, "started": [], "masked": masked}
    return look(at)


def look(at: At) -> Outcome:
    """Start as many as the turn allows."""
    progress = at.node_run.progress
    items: list[Value] = progress["items"]
    started: list[int] = list(progress["started"])
    thread = cast(StartMultipleThreadsNode, at.config).thread
    masked: list[str] = progress.get("masked", [])
    size = value_bytes(progress["given"])
    while len(started) < len(items):
        if at.turn.nodes_left == 0 or at.turn.is_full():
            at.node_run.progress = {**progress, "started": started}
            wake_later(at.turn, at.run.wf_run_id, at.thread.number)
            return WAIT
        full = no_room(at.run, at.thread)  # others have begun threads meanwhile
        if full is not None:
            return Failed(full)
        try:
            values = progress["given"] | _input(at, items[len(started)])
        except ValueProblem as problem:  # a StructDef was deleted since the node was reached
            said = NOT_SHOWN if INPUT in masked else str(problem)
            return Failed(Failure(FailureName.VAR_SUB_ERROR, said))
        at.turn.nodes_left -= 1
        at.turn.output_bytes += size  # of rows, which are as dear as what is sent
        started.append(begin_child(at, ThreadKind.CHILD, thread, values, masked=masked).number)
    at.node_run.progress = None
    return Done(started)


def _input(at: At, item: Value) -> dict[str, Value]:
    """The element as the thread's INPUT takes it, if it declares it; or ValueProblem."""
    blueprint = at.spec.body.threads[cast(StartMultipleThreadsNode, at.config).thread]
    declared = blueprint.variable(INPUT)
    if declared is None:
        return {}
    if item is None and declared.required:
        raise ValueProblem(f"variable {INPUT!r} must be given, and an element is null")
    return {INPUT: coerce(item, declared.type, at.struct)}


def carries(before: NodeConfig, after: NodeConfig) -> str | None:
    """What it gives to threads was checked for all of them at once."""
    return "has not started all its threads yet: migrate once it has"


def check(check: NodeCheck) -> None:
    """The thread exists and gets what it wants."""
    config = cast(StartMultipleThreadsNode, check.config)
    check.starts_thread(config.thread, config.variables, given_besides=(INPUT,))
    found = check.type_of(config.iterable)
    if found is not None and not is_array(found):
        check.fault(FaultKind.TYPE_MISMATCH, f"iterable is {found}, and no array")


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The array and the variables."""
    node = cast(StartMultipleThreadsNode, config)
    yield node.iterable
    yield from node.variables.values()


NODE = NodeType(
    "START_MULTIPLE_THREADS",
    StartMultipleThreadsNode,
    arrive,
    look=look,
    carries=carries,
    check=check,
    expressions=expressions,
)
