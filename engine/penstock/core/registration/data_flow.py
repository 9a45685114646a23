"""The flow of data: what a node evaluates names what is there by then, of a type that will do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.graph import Mutation, NodeConfig
from penstock.core.definitions.node_check import INPUT, NodeCheck
from penstock.core.definitions.nodes import ExitNode, StartMultipleThreadsNode
from penstock.core.definitions.wf_spec import ThreadSpec
from penstock.core.flow.template_names import ROOTS
from penstock.core.limits import MUTATIONS_PER_EDGE_MAX
from penstock.core.nodes import TYPE_OF
from penstock.core.registration.graphs import Ways
from penstock.core.values.casts import check_assignable, check_castable
from penstock.core.values.forms import (
    Expression,
    Literal,
    Operated,
    OutputRef,
    Template,
    check_form,
    parts_of,
)
from penstock.core.values.operations import Operation
from penstock.core.values.templates.wanted import wanted_in
from penstock.core.values.types import (
    ArrayOf,
    DefinitionMissing,
    Type,
    ValueProblem,
    ValueType,
    parse_type,
)
from penstock.core.values.value import Value, coerce


def node_expressions(config: NodeConfig) -> Iterator[Expression]:
    """All that is evaluated at a node, but for its edges."""
    if config.run_if is not None:
        yield config.run_if
    yield from TYPE_OF[type(config)].expressions(config)


def edge_expressions(config: NodeConfig) -> Iterator[tuple[str, Expression]]:
    """All that is evaluated on leaving a node, and what it is for."""
    for edge in config.edges:
        if edge.condition is not None:
            yield f"condition of the edge to {edge.to!r}: ", edge.condition
        for mutation in edge.mutations:
            yield f"mutation of {mutation.variable!r}: ", mutation.value


def check_values(check: NodeCheck) -> None:
    """The expressions of one node and of its edges, and what these change."""
    config = check.config
    if config.run_if is not None:
        check.fits(config.run_if, ValueType.BOOL, "run_if")
    for expression in node_expressions(config):
        check.expression(expression)
        check_names(check, expression)
        check_division(check, expression)
    for edge in config.edges:
        if len(edge.mutations) > MUTATIONS_PER_EDGE_MAX:
            check.fault(
                FaultKind.MUTATION_COUNT,
                f"{len(edge.mutations)} mutations: an edge may have {MUTATIONS_PER_EDGE_MAX}",
            )
        for mutation in edge.mutations:
            check.mutation(mutation)
            _check_divisor(check, mutation)
        if edge.condition is not None:
            check.fits(edge.condition, ValueType.BOOL, "the condition of an edge")
    for what, expression in edge_expressions(config):
        check.expression(expression, what)
        check_names(check, expression, what)
        check_division(check, expression, what)


def check_outputs(check: NodeCheck, name: str, thread: ThreadSpec) -> None:
    """An output that is read is one of a node that has some, and that may have been passed: on the
    way here, or, by an edge, here.
    """
    ways = Ways({node: [edge.to for edge in config.edges] for node, config in thread.nodes.items()})
    for node, config in thread.nodes.items():
        check.stand_at(name, node)
        for expression in node_expressions(config):
            _check_outputs(check, expression, "", lambda read, here=node: ways.lead(read, here))
        for what, expression in edge_expressions(config):
            _check_outputs(
                check,
                expression,
                what,
                lambda read, here=node: read == here or ways.lead(read, here),
            )


def check_before_nodes(check: NodeCheck, expression: Expression, what: str) -> None:
    """What is worked out before the thread has been at a node reads no output."""
    try:
        reads = any(isinstance(part, OutputRef) for part in parts_of(expression))
    except ValueProblem:
        return  # nested too deep: `check.expression` says so
    if reads:
        check.fault(
            FaultKind.OUTPUT_TOO_EARLY, f"{what}: no node has an output when the thread begins"
        )


def check_returns(check: NodeCheck, name: str, thread: ThreadSpec) -> None:
    """All EXITs of a thread return the same type, or nothing; what only the run will tell agrees
    with any type, and so does null.
    """
    first: tuple[str, str] | None = None
    for node, config in thread.nodes.items():
        if not isinstance(config, ExitNode) or config.throws is not None:
            continue
        check.stand_at(name, node)
        found = "nothing"
        if config.returns is not None:
            found = str(check.type_of(config.returns) or "")
        if first is None and found:
            first = node, found
        elif first is not None and found and found != first[1]:
            check.fault(
                FaultKind.RETURN_TYPES_DIFFER,
                f"it returns {found}, but {first[0]!r} returns {first[1]}; all EXITs of a thread"
                " return the same type, or nothing",
            )


def check_elements(check: NodeCheck) -> None:
    """The elements of an array are what the threads that are started for them take as INPUT."""
    config = check.config
    if not isinstance(config, StartMultipleThreadsNode):
        return
    wanted = input_type(check, config.thread)
    if wanted is None:
        return
    try:
        if isinstance(config.iterable, Literal) and isinstance(config.iterable.value, list):
            for element in cast("list[Value]", config.iterable.value):
                coerce(element, str(wanted), check.struct)
            return
        known = check.type_of(config.iterable)
        if isinstance(known, ArrayOf) and never_fits(known.item, wanted):
            check_assignable(known.item, wanted)
    except ValueProblem as problem:
        if not isinstance(problem, DefinitionMissing):
            what = f"variable {INPUT!r} of thread {config.thread!r} takes an element of the array: "
            check.problem(FaultKind.ELEMENT_TYPE, problem, what)


def input_type(check: NodeCheck, thread: str) -> Type | None:
    """The type of a thread's INPUT; None if it declares none, or a wrong one."""
    blueprint = check.body.threads.get(thread)
    declared = None if blueprint is None else blueprint.variable(INPUT)
    try:
        return None if declared is None else parse_type(declared.type)
    except ValueProblem:
        return None


def never_fits(known: Type, wanted: Type) -> bool:
    """Whether no value of a type but null is one of another, as it is kept in JSON: INPUT is taken
    without a cast.
    """
    if known is ValueType.STR:
        return wanted in _NOT_TEXT
    try:
        check_castable(known, wanted)
    except ValueProblem:
        return True
    return False


_NOT_TEXT = frozenset({ValueType.INT, ValueType.DOUBLE, ValueType.BOOL})


def _check_outputs(
    check: NodeCheck, expression: Expression, what: str, is_passed: Callable[[str], bool]
) -> None:
    for part in parts_of(expression):
        if not isinstance(part, OutputRef):
            continue
        read = check.thread.nodes[part.node]
        if not TYPE_OF[type(read)].gives(read):
            check.fault(
                FaultKind.NO_OUTPUT,
                f"{what}node {part.node!r} is a {read.__struct_config__.tag}, which has no output",
            )
        elif not is_passed(part.node):
            check.fault(
                FaultKind.OUTPUT_TOO_EARLY,
                f"{what}no way leads from node {part.node!r} to here, so it has no output yet: read"
                " that of a node before",
            )


def check_names(check: NodeCheck, expression: Expression, what: str = "") -> None:
    """What a template wants is a variable, or tells of the run."""
    for name in template_names(expression):
        if name not in ROOTS and check.variable(name) is None:
            check.fault(
                FaultKind.VARIABLE_UNKNOWN,
                f"{what}a template reads {name!r}, which is no variable, and none of"
                f" {', '.join(sorted(ROOTS))}",
            )


def template_names(expression: Expression) -> list[str]:
    """The names without which the templates of an expression have no value."""
    try:
        check_form(expression)
        templates = [part.template for part in parts_of(expression) if isinstance(part, Template)]
        return sorted({name for one in templates for name in wanted_in(one)})
    except ValueProblem:
        return []  # it can never be right: `check.expression` says so


def check_division(check: NodeCheck, expression: Expression, what: str = "") -> None:
    """Nothing is divided by a literal 0."""
    try:
        for part in parts_of(expression):
            if isinstance(part, Operated) and _divides_by_zero(part.operation, part.right):
                check.fault(FaultKind.DIVISION_BY_ZERO, f"{what}it divides by 0")
    except ValueProblem:
        return  # nested too deep: `check.expression` says so


def _check_divisor(check: NodeCheck, mutation: Mutation) -> None:
    if _divides_by_zero(mutation.operation, mutation.value):
        what = f"mutation of {mutation.variable!r}: "
        check.fault(FaultKind.DIVISION_BY_ZERO, f"{what}it divides by 0")


def _divides_by_zero(operation: Operation, right: Expression) -> bool:
    if operation is not Operation.DIVIDE or not isinstance(right, Literal):
        return False
    return (
        isinstance(right.value, (int, float))
        and not isinstance(right.value, bool)
        and (right.value == 0)
    )
