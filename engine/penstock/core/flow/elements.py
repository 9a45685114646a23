"""Elements of a RUN_THREADS node: what each of its threads is given. It is worked out once, when
the node is reached, and kept in rows, many values in one; so what an element costs does not grow
with their number. They stay: a rescue, or a replay from within, goes on with them. Which threads
were begun is forgotten when all have ended well.
"""

from __future__ import annotations

from typing import Final, cast

from msgspec.structs import replace

from penstock.core.definitions.node_check import INDEX, INPUT
from penstock.core.definitions.nodes import RunThreadsNode
from penstock.core.definitions.wf_spec import ThreadSpec
from penstock.core.flow.at import NOT_SHOWN, At
from penstock.core.flow.beginnings import plan_of_replay, values_at_beginning
from penstock.core.flow.room import no_room
from penstock.core.flow.threads import checked_values, given_values
from penstock.core.limits import THREADS_PER_CHUNK
from penstock.core.state.failures import Failure
from penstock.core.state.replay_rows import Replayed
from penstock.core.state.run import NodeRun
from penstock.core.state.thread_rows import EachChunk, EachPlan, EachThread
from penstock.core.values.casts import converted
from penstock.core.values.expressions import Expression
from penstock.core.values.texts import json_of
from penstock.core.values.types import ValueProblem, parse_type
from penstock.core.values.value import Value, check_bounds, type_name

VISITS_SEEN_MAX: Final = 100
"""Of visits that failed one after the other, and had not begun anything."""


def planned(at: At) -> EachPlan | Failure:
    """Work out all that threads are given, and keep it; ValueProblem, or a failure, if something of
    it is wrong, so that no thread is begun in vain.
    """
    config = cast(RunThreadsNode, at.config)
    values = None if config.values is None else _array(at, config.values)
    hidden = [INPUT] if values is not None and at.masked else []
    count = len(config.threads) if values is None else len(values)
    full = no_room(at.run, at.thread, count)
    if count and full is not None:
        return full
    blueprint = _blueprint(at, 0)
    given, of_given = given_values(at, blueprint, config.variables)
    try:
        for number, value in enumerate(values or ()):
            inputs = _inputs(at, blueprint, value, number)
            if number == 0:
                checked_values(at.turn, blueprint, given | inputs)
        for number in range(0 if values is not None else count):
            checked_values(at.turn, _blueprint(at, number), given)
    except ValueProblem as problem:
        raise ValueProblem(NOT_SHOWN if hidden else str(problem)) from None
    position = at.node_run.position
    here = (at.turn.tenant, at.run.wf_run_id, at.thread.number, position)
    names = config.threads if values is None else ()
    plan = EachPlan(*here, position, count, given, (*of_given, *hidden), names)
    at.turn.rows.put(plan)
    for first in range(0, len(values or ()), THREADS_PER_CHUNK):
        chunk = (values or [])[first : first + THREADS_PER_CHUNK]
        at.turn.rows.put(EachChunk(*here, first // THREADS_PER_CHUNK, chunk))
        at.turn.nodes_left -= min(at.turn.nodes_left, 1)
    return plan


def plan_before(at: At) -> EachPlan | None:
    """What the failed visit was begun with that this one begins anew; of one that failed before it
    was asked, the visit before that; in a replay, what the old one was begun with. None if the
    node, in another version, has other elements.
    """
    config, node_run = cast(RunThreadsNode, at.config), at.node_run
    names = config.threads if config.values is None else ()
    for _ in range(VISITS_SEEN_MAX):
        if node_run.retries is None:
            plan = plan_of_replay(at, node_run)
            return plan if plan is not None and plan.names == names else None
        plan = plan_at(at, node_run.retries)
        if plan is not None:
            return plan if plan.names == names and not plan.over else None
        of_thread = (at.turn.tenant, at.run.wf_run_id, at.thread.number)
        failed = at.turn.rows.peek(NodeRun, *of_thread, node_run.retries)
        assert failed is not None, "a thread has been at each position"
        node_run = failed
    return None


def plan_at(at: At, position: int) -> EachPlan | None:
    """What a visit of the node was begun with, if it came so far."""
    here = (at.turn.tenant, at.run.wf_run_id, at.thread.number, position)
    return at.turn.rows.peek(EachPlan, *here)


def thread_of(at: At, element: int) -> str:
    """Which thread an element runs."""
    config = cast(RunThreadsNode, at.config)
    return config.threads[element if config.values is None else 0]


def values_of(
    at: At, plan: EachPlan, element: int, kept: Replayed | None = None
) -> dict[str, Value]:
    """What the thread of an element begins with; ValueProblem if it does not take that any more."""
    blueprint, value = _blueprint(at, element), None
    if kept is not None:
        return values_at_beginning(at.turn, blueprint, kept)
    if not plan.names:
        number, offset = divmod(element, THREADS_PER_CHUNK)
        place = (plan.tenant, plan.wf_run_id, plan.thread, plan.origin, number)
        chunk = at.turn.rows.peek(EachChunk, *place)
        assert chunk is not None, "it stays while the node waits"
        value = chunk.values[offset]
    try:
        inputs = {} if plan.names else _inputs(at, blueprint, value, element)
        return checked_values(at.turn, blueprint, plan.given | inputs)
    except ValueProblem as problem:
        raise ValueProblem(NOT_SHOWN if plan.masked else str(problem)) from None


def forget_elements(at: At, origin: int) -> bool:
    """All have ended well: forget which they were since a visit of the node, and in a run below
    another one, which is not replayed, all else; False if the turn's budget is spent.
    """
    turn, of_thread = at.turn, (at.turn.tenant, at.run.wf_run_id, at.thread.number)
    is_root = at.run.parent is None
    for kind in (EachThread,) if is_root else (EachThread, EachChunk, EachPlan):
        start = kind.key(*of_thread, origin)
        end = kind.key(*of_thread, at.node_run.position + 1)
        for _, row in turn.rows.range(kind, start, end):
            if turn.nodes_left == 0:
                return False
            turn.nodes_left -= 1
            turn.rows.delete(row)
    plan = plan_at(at, at.node_run.position)
    if plan is not None:
        turn.rows.put(replace(plan, over=True))
    return True


def _blueprint(at: At, element: int) -> ThreadSpec:
    return at.spec.body.threads[thread_of(at, element)]


def _array(at: At, expression: Expression) -> list[Value]:
    """The values, or ValueProblem; `at.masked` tells of them."""
    found = at.evaluate(expression)
    if isinstance(found, str):
        try:
            found = json_of(found)
            check_bounds(found)
        except ValueProblem as problem:
            raise ValueProblem(NOT_SHOWN if at.masked else f"values: {problem}") from None
    if not isinstance(found, list):
        raise ValueProblem(f"values: {type_name(found)} is no array")
    return cast("list[Value]", found)


def _inputs(at: At, blueprint: ThreadSpec, value: Value, number: int) -> dict[str, Value]:
    """A value and its number as the thread takes them, if it declares them; or ValueProblem."""
    inputs: dict[str, Value] = {}
    declared = blueprint.variable(INPUT)
    if declared is not None:
        if value is None and declared.required:
            raise ValueProblem(f"variable {INPUT!r} must be given, and value {number} is null")
        inputs[INPUT] = converted(value, parse_type(declared.type), at.struct)
    if blueprint.variable(INDEX) is not None:
        inputs[INDEX] = number
    return inputs
