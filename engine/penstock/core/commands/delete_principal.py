"""DeletePrincipal: takes all that a principal may do away, and its keys. A principal that is made
under this name later has keys of its own.
"""

from msgspec.structs import replace

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.principals import EVERYWHERE, Principal
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeletePrincipal(Command, frozen=True):
    """Which principal."""

    name: str


def handle(turn: Turn, command: DeletePrincipal) -> Value:
    """Decide it and tell every partition. Its row stays, and allows nothing."""
    row = turn.rows.peek(Principal, EVERYWHERE, command.name)
    if row is None or row.deleted_ms is not None:
        refuse(Code.PRINCIPAL_UNKNOWN, f"there is no principal {command.name[:128]!r}")
    install(turn, replace(row, version=row.version + 1, grants=(), deleted_ms=turn.at_ms))
    return {"name": command.name}


COMMAND = CommandType(DeletePrincipal, handle, of_partition_0)
