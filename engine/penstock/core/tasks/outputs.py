"""The output of a task, as its TaskDef has it."""

from __future__ import annotations

from penstock.core.definitions.defs import TaskDef
from penstock.core.definitions.structs import structs_of
from penstock.core.state.run import TaskRun
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds, coerce, type_name


def fitting_output(turn: Turn, task: TaskRun, output: Value) -> Value:
    """What a task has returned, in the form in which it is kept; ValueProblem if it does not fit
    its TaskDef, or is required and not there.
    """
    name = task.task_def
    if task.output_required and output is None:
        raise ValueProblem(f"null, and an output of {name!r} is required here")
    task_def = turn.rows.peek(TaskDef, turn.tenant, name)
    if task_def is None or task_def.return_type is None:
        check_bounds(output)
        return output
    if not task_def.returns_nothing:
        return coerce(output, task_def.return_type, structs_of(turn))
    if output is not None:
        raise ValueProblem(f"TaskDef {name!r} returns nothing, and this is {type_name(output)}")
    return None
