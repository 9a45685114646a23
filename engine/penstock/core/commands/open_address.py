"""OpenAddress: somebody has an address tried again that had said that it takes nothing any more."""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.remove_definition import remove
from penstock.core.definitions.defs import GoneAddress, gone_name
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class OpenAddress(Command, frozen=True):
    """The name under which it is kept."""

    name: str


def handle(turn: Turn, command: OpenAddress) -> Value:
    """Forget it, here and everywhere."""
    row = turn.rows.peek(GoneAddress, turn.tenant, command.name)
    if row is None:
        refuse(Code.ADDRESS_UNKNOWN, f"no address is kept as gone under {command.name[:128]!r}")
    remove(turn, row)
    return {"name": row.name, "address": row.address}


def reopen(turn: Turn, address: str) -> bool:
    """Have an address tried again; False if nothing was kept of it."""
    row = turn.rows.peek(GoneAddress, turn.tenant, gone_name(address))
    if row is None:
        return False
    remove(turn, row)
    return True


COMMAND = CommandType(OpenAddress, handle, of_partition_0)
