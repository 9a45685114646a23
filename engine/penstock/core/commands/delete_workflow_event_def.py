"""DeleteWorkflowEventDef: deletes a kind of event. What runs have thrown stays with them; a node
that is to throw another one fails. The name may be used again.
"""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.remove_definition import remove
from penstock.core.definitions.defs import WorkflowEventDef
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteWorkflowEventDef(Command, frozen=True):
    """Which WorkflowEventDef."""

    name: str


def handle(turn: Turn, command: DeleteWorkflowEventDef) -> Value:
    """Decide it and tell every partition."""
    row = turn.rows.peek(WorkflowEventDef, turn.tenant, command.name)
    if row is None:
        refuse(Code.EVENT_DEF_UNKNOWN, f"there is no WorkflowEventDef {command.name!r}")
    remove(turn, row)
    return {"name": command.name}


COMMAND = CommandType(DeleteWorkflowEventDef, handle, of_partition_0)
