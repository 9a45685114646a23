"""DeleteTenant: takes what was said of a tenant away. What it has stays, its quota too."""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.remove_definition import remove
from penstock.core.definitions.principals import EVERYWHERE
from penstock.core.definitions.tenants import Tenant
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteTenant(Command, frozen=True):
    """Which tenant."""

    name: str


def handle(turn: Turn, command: DeleteTenant) -> Value:
    """Decide it and tell every partition."""
    row = turn.rows.peek(Tenant, EVERYWHERE, command.name)
    if row is None:
        refuse(Code.TENANT_UNKNOWN, f"nothing was said of a tenant {command.name[:80]!r}")
    remove(turn, row)
    return {"name": command.name}


COMMAND = CommandType(DeleteTenant, handle, of_partition_0)
