"""The inputs of a task: what a TaskDef wants, by name and type, of what a spec gives.

A secret is an input as a whole: what travels is its name, beside the values and not among them, so
that no value can pass for one. Its worker fills it in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from penstock.core.definitions.defs import TaskDef
from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.flow.at import At
from penstock.core.limits import INPUTS_BYTES_MAX
from penstock.core.values.casts import check_assignable
from penstock.core.values.expressions import Expression
from penstock.core.values.forms import check_secret, secret_of
from penstock.core.values.types import ValueProblem, ValueType, parse_type
from penstock.core.values.value import Value, value_bytes


class Inputs(Struct, frozen=True):
    """What a task is given: values, for those that are secrets (null there) their names, and the
    names of those that are made of something masked.
    """

    values: dict[str, Value]
    secrets: dict[str, str]
    masked: tuple[str, ...]


def expressions_in(given: Mapping[str, Expression]) -> Iterator[Expression]:
    """The inputs that are worked out here."""
    return (expression for expression in given.values() if secret_of(expression) is None)


def check_inputs(
    check: NodeCheck, name_of_def: str, given: Mapping[str, Expression]
) -> TaskDef | None:
    """The TaskDef exists and gets what it wants, by name and (where it can be seen) by type;
    returns it.
    """
    task_def = check.task_def(name_of_def)
    if task_def is None:
        return None
    declared = {var.name: var for var in task_def.input_vars}
    for name in sorted(given.keys() - declared.keys()):
        known = sorted(declared)[:20]
        check.fault(
            FaultKind.TASK_INPUT_UNKNOWN,
            f"TaskDef {name_of_def!r} has no input {name!r}; it has {known}",
        )
    for name in sorted(declared.keys() - given.keys()):
        check.fault(
            FaultKind.TASK_INPUT_MISSING, f"input {name!r} of TaskDef {name_of_def!r} is not given"
        )
    for name in sorted(declared.keys() & given.keys()):
        check.fits(given[name], declared[name].type, f"input {name!r}")
    return task_def


def check_secrets(check: NodeCheck, given: Mapping[str, Expression]) -> None:
    """A fault for each secret that has no name."""
    for name, expression in given.items():
        secret = secret_of(expression)
        if secret is not None:
            try:
                check_secret(secret)
            except ValueProblem as problem:
                check.problem(FaultKind.BAD_SECRET, problem, f"input {name!r}: ")


def inputs_of(at: At, task_def: TaskDef, given: Mapping[str, Expression]) -> Inputs:
    """The values of the inputs here, or ValueProblem."""
    inputs: dict[str, Value] = {}
    secrets: dict[str, str] = {}
    masked: list[str] = []
    for var in task_def.input_vars:
        if var.name not in given:
            raise ValueProblem(f"{var.name!r} is not given")
        expression = given[var.name]
        try:
            if (secret := secret_of(expression)) is not None:
                check_assignable(ValueType.STR, parse_type(var.type))
                inputs[var.name], secrets[var.name] = None, secret
            else:
                inputs[var.name] = at.evaluate_as(expression, var.type, f"input {var.name}")
                masked += [var.name] if at.masked else []
        except ValueProblem as problem:
            raise ValueProblem(f"{var.name!r}: {problem}") from problem
    if len(given) > len(inputs):
        unknown = min(given.keys() - inputs.keys())
        raise ValueProblem(f"there is no input {unknown!r}")
    size = value_bytes(inputs)
    if size > INPUTS_BYTES_MAX:
        raise ValueProblem(f"{size} bytes together: a task may be given {INPUTS_BYTES_MAX}")
    return Inputs(inputs, secrets, tuple(masked))
