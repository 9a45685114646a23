"""The inputs of a task: what a TaskDef wants, by name and type, of what a spec gives."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.core.definitions.defs import TaskDef
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.flow.at import At
from penstock.core.limits import INPUTS_BYTES_MAX
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, value_bytes


def check_inputs(check: NodeCheck, name_of_def: str, given: Mapping[str, Expression]) -> None:
    """The TaskDef exists and gets what it wants, by name and (where it can be seen) by type."""
    task_def = check.task_def(name_of_def)
    if task_def is None:
        return
    declared = {var.name: var for var in task_def.input_vars}
    for name in sorted(given.keys() - declared.keys()):
        known = sorted(declared)[:20]
        check.fault(f"TaskDef {name_of_def!r} has no input {name!r}; it has {known}")
    for name in sorted(declared.keys() - given.keys()):
        check.fault(f"input {name!r} of TaskDef {name_of_def!r} is not given")
    for name in sorted(declared.keys() & given.keys()):
        check.fits(given[name], declared[name].type, f"input {name!r}")


def inputs_of(at: At, task_def: TaskDef, given: Mapping[str, Expression]) -> dict[str, Value]:
    """The values of the inputs here, or ValueProblem."""
    inputs: dict[str, Value] = {}
    for var in task_def.input_vars:
        if var.name not in given:
            raise ValueProblem(f"{var.name!r} is not given")
        try:
            inputs[var.name] = at.evaluate_as(given[var.name], var.type, f"input {var.name}")
        except ValueProblem as problem:
            raise ValueProblem(f"{var.name!r}: {problem}") from problem
    if len(given) > len(inputs):
        unknown = min(given.keys() - inputs.keys())
        raise ValueProblem(f"there is no input {unknown!r}")
    size = value_bytes(inputs)
    if size > INPUTS_BYTES_MAX:
        raise ValueProblem(f"{size} bytes together: a task may be given {INPUTS_BYTES_MAX}")
    return inputs
