"""What a spec says of ends of other runs that start runs of its own: such a run must be one that
can be started. What is watched need not be registered yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.run_starts import END_FACTS, RunStart
from penstock.core.flow.labels import labels_problem
from penstock.core.ids import is_definition_name, is_inner_name
from penstock.core.limits import RUN_STARTS_MAX
from penstock.core.registration.data_flow import template_names
from penstock.core.values.expressions import Expression
from penstock.core.values.forms import (
    OutputRef,
    TemplateProblem,
    VariableRef,
    check_form,
    parts_of,
)
from penstock.core.values.type_check import check_fits, check_part
from penstock.core.values.types import StructField, Type, ValueProblem, parse_type

_TEMPLATE_ROOT: Final = "outputs"


def check_starts(check: NodeCheck) -> None:
    """A fault for each start after which no run could ever begin."""
    starts = check.body.starts
    check.stand_at("")
    if len(starts) > RUN_STARTS_MAX:
        message = f"{len(starts)} starts: a spec may have {RUN_STARTS_MAX}"
        check.fault(FaultKind.START_COUNT, message)
        return
    ids = [start.id for start in starts]
    for start_id in sorted({one for one in ids if ids.count(one) > 1}):
        check.fault(FaultKind.START_TWICE, f"there are two starts {start_id[:60]!r}")
    if starts and check.body.parent is not None:
        message = "runs of this spec stand below others: ends of runs do not start them"
        check.fault(FaultKind.START_BELOW_A_RUN, message)
    for start in starts:
        _check_watched(check, start)
        _check_inputs(check, start)


def _check_watched(check: NodeCheck, start: RunStart) -> None:
    what = f"start {start.id[:60]!r}"
    if not is_inner_name(start.id):
        message = f"{what}: no name; use letters, digits, '.', '_', '-'"
        check.fault(FaultKind.BAD_NAME, message)
    if (start.wf_spec is None) == (start.namespace is None):
        message = f"{what} watches a wf_spec or a namespace: name one of the two"
        check.fault(FaultKind.START_CHOICE, message)
    elif start.below and start.namespace is None:
        message = f"{what}: `below` is said of a namespace, not of a wf_spec"
        check.fault(FaultKind.START_CHOICE, message)
    if start.wf_spec == check.spec_name:
        message = f"{what} watches its own spec, so each run would start another one for ever"
        check.fault(FaultKind.START_OF_ITSELF, message)
    for name in (start.wf_spec, start.namespace):
        if name is not None and not is_definition_name(name):
            check.fault(FaultKind.BAD_NAME, f"{what}: {name[:128]!r} is no name")
    labels = check.body.labels | start.labels
    problem = labels_problem(labels) or labels_problem(start.having)
    if problem is not None and labels_problem(check.body.labels) is None:
        check.fault(FaultKind.BAD_LABELS, f"{what}: {problem}")


def _check_inputs(check: NodeCheck, start: RunStart) -> None:
    names = _Names(check, start)
    thread = check.body.threads[check.body.entrypoint]
    for name, expression in sorted(start.named.items()):
        _check_expression(names, expression, f"start {start.id!r}, {name!r}: ", END_FACTS)
    for name, expression in sorted(start.inputs.items()):
        what = f"start {start.id!r}, input {name!r}: "
        declared = thread.variable(name)
        if declared is None or declared.is_inherited:
            message = f"{what}the entrypoint has no such variable"
            check.fault(FaultKind.START_INPUT_UNKNOWN, message)
            continue
        if not _check_expression(names, expression, what, {**END_FACTS, **start.named}):
            continue
        try:
            check_fits(expression, parse_type(declared.type), names)
        except ValueProblem as problem:
            check.problem(FaultKind.TYPE_MISMATCH, problem, what)
    for declared in thread.variables:
        if declared.required and declared.name not in start.inputs:
            message = f"start {start.id!r}: variable {declared.name!r} must be given"
            check.fault(FaultKind.START_INPUT_MISSING, message)


def _check_expression(
    names: _Names, expression: Expression, what: str, known: Mapping[str, object]
) -> bool:
    """Whether the expression may have a value."""
    check, ok = names.check, True

    def fault(kind: FaultKind, problem: ValueProblem | str) -> None:
        nonlocal ok
        ok = False
        check.problem(kind, ValueProblem(str(problem)), what)

    try:
        check_form(expression)
    except ValueProblem as problem:
        is_template = isinstance(problem, TemplateProblem)
        fault(FaultKind.BAD_TEMPLATE if is_template else FaultKind.BAD_EXPRESSION, problem)
        return False
    for part in parts_of(expression):
        if isinstance(part, OutputRef):
            said = f"a run that has ended has nodes; a template reads {_TEMPLATE_ROOT}.{part.node}"
            fault(FaultKind.NODE_UNKNOWN, said)
        elif isinstance(part, VariableRef) and part.name not in known:
            said = f"an end has no {part.name!r}; it has {', '.join(sorted(known))}"
            fault(FaultKind.VARIABLE_UNKNOWN, said)
        else:
            try:
                check_part(part, names)
            except ValueProblem as problem:
                fault(FaultKind.BAD_EXPRESSION, problem)
    for name in template_names(expression):
        if name not in known and name != _TEMPLATE_ROOT:
            said = f"an end has no {name!r}; it has {', '.join(sorted({*known, _TEMPLATE_ROOT}))}"
            fault(FaultKind.VARIABLE_UNKNOWN, said)
    return ok


class _Names:
    """The types of what a start sees."""

    def __init__(self, check: NodeCheck, start: RunStart) -> None:
        self.check = check
        self._named = start.named

    def variable_type(self, name: str) -> Type | None:
        """Of a fact; a named value may be anything."""
        known = None if name in self._named else END_FACTS.get(name)
        return None if known is None else parse_type(known)

    def output_type(self, node: str) -> Type | None:
        """Nobody knows."""
        return None

    def struct(self, name: str) -> Mapping[str, StructField] | None:
        """The fields of a StructDef."""
        return self.check.struct(name)
