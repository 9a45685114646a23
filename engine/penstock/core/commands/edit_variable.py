"""EditVariable: an operator gives a variable of a run another value; whoever waits for it looks. A
run that has failed may be put right so, before it is rescued.
"""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.at import Place
from penstock.core.flow.load import load_idle
from penstock.core.flow.variables import Change, write_variables
from penstock.core.state.run import Variable
from penstock.core.state.transitions import ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.masking import may_have_masked
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, coerce


class EditVariable(Command, frozen=True):
    """Which variable, of which thread, and its new value, which must have its type."""

    wf_run_id: str
    name: str
    value: Value = None
    thread: int = 0


def handle(turn: Turn, command: EditVariable) -> Value:
    """Write the variable, unless the run has ended well: that can not go on."""
    at = load_idle(turn, command.wf_run_id, command.thread)
    if at.run.status is ThreadStatus.COMPLETED:
        refuse(Code.WF_RUN_ENDED, f"WfRun {command.wf_run_id!r} is {at.run.status}")
    declared = at.thread_spec.variable(command.name)
    if declared is None:
        known = sorted(variable.name for variable in at.thread_spec.variables)
        refuse(
            Code.VARIABLE_UNKNOWN,
            f"thread {command.thread} has no variable {command.name!r}; it has {known}",
        )
    if declared.is_inherited:
        refuse(
            Code.BAD_VALUE,
            f"variable {command.name!r} is inherited: edit it in run {at.run.parent!r}",
        )
    try:
        value = coerce(command.value, declared.type, at.struct)
    except ValueProblem as problem:
        said = f"it is not {declared.type}" if declared.masked else str(problem)
        refuse(Code.BAD_VALUE, f"variable {command.name!r}: {said}")
    before = at.variable_row(Place(command.wf_run_id, command.thread, declared))
    after = Variable(turn.tenant, command.wf_run_id, command.thread, command.name, value)
    write_variables(at, [Change(before, after, declared)])
    hidden = declared.masked or may_have_masked(declared.type, at.struct)
    turn.unaudited = ("value",) if hidden else ()
    turn.rows.put(at.run)
    return None


COMMAND = CommandType(EditVariable, handle, of_wf_run, audited=True)
