"""DeleteApplication: deletes an application. Its workflows stay, and runs of them go on; one that
comes to post a webhook to it fails there by name, until it is registered again.
"""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.remove_definition import remove
from penstock.core.definitions.defs import Application
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteApplication(Command, frozen=True):
    """Which application."""

    name: str


def handle(turn: Turn, command: DeleteApplication) -> Value:
    """Decide it and tell every partition."""
    row = turn.rows.peek(Application, turn.tenant, command.name)
    if row is None:
        refuse(Code.APPLICATION_UNKNOWN, f"there is no application {command.name!r}")
    remove(turn, row)
    return {"name": command.name}


COMMAND = CommandType(DeleteApplication, handle, of_partition_0)
