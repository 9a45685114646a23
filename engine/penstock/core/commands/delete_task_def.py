"""DeleteTaskDef: deletes a TaskDef. Tasks that were handed out go on; a TASK node that is come to
afterwards fails with TASK_FAILURE. The name may be used again.
"""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.remove_definition import remove
from penstock.core.definitions.defs import TaskDef
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteTaskDef(Command, frozen=True):
    """Which TaskDef."""

    name: str


def handle(turn: Turn, command: DeleteTaskDef) -> Value:
    """Decide it and tell every partition."""
    row = turn.rows.peek(TaskDef, turn.tenant, command.name)
    if row is None:
        refuse(Code.TASK_DEF_UNKNOWN, f"there is no TaskDef {command.name!r}")
    remove(turn, row)
    return {"name": command.name}


COMMAND = CommandType(DeleteTaskDef, handle, of_partition_0)
