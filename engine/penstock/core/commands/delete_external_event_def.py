"""DeleteExternalEventDef: deletes a kind of event. Events that were put are still taken; no more
can be put. The name may be used again.
"""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.remove_definition import remove
from penstock.core.definitions.defs import ExternalEventDef
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteExternalEventDef(Command, frozen=True):
    """Which ExternalEventDef."""

    name: str


def handle(turn: Turn, command: DeleteExternalEventDef) -> Value:
    """Decide it and tell every partition."""
    row = turn.rows.peek(ExternalEventDef, turn.tenant, command.name)
    if row is None:
        refuse(Code.EVENT_DEF_UNKNOWN, f"there is no ExternalEventDef {command.name!r}")
    remove(turn, row)
    return {"name": command.name}


COMMAND = CommandType(DeleteExternalEventDef, handle, of_partition_0)
