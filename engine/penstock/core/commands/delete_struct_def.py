"""DeleteStructDef: deletes a StructDef. Values of it stay as they are; nothing fits a type that
names it afterwards. The name may be used again.
"""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.remove_definition import remove
from penstock.core.definitions.defs import StructDef
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteStructDef(Command, frozen=True):
    """Which StructDef."""

    name: str


def handle(turn: Turn, command: DeleteStructDef) -> Value:
    """Decide it and tell every partition."""
    row = turn.rows.peek(StructDef, turn.tenant, command.name)
    if row is None:
        refuse(Code.STRUCT_DEF_UNKNOWN, f"there is no StructDef {command.name!r}")
    remove(turn, row)
    return {"name": command.name}


COMMAND = CommandType(DeleteStructDef, handle, of_partition_0)
