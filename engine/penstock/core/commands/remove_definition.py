"""RemoveDefinition: a definition that partition 0 has deleted, as the others are told."""

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.definitions.defs import TaskDef
from penstock.core.definitions.metadata import DEFINITIONS
from penstock.core.state.rows import Row
from penstock.core.state.turn import Turn
from penstock.core.tasks.breakers import forget
from penstock.core.values.value import Value


class RemoveDefinition(Command, frozen=True):
    """The kind of the row, and its key: whoever has deleted it, what is of the cluster does not lie
    with that tenant.
    """

    kind: str
    key: bytes


def handle(turn: Turn, command: RemoveDefinition) -> Value:
    """Delete the row."""
    row = turn.rows.by_key(DEFINITIONS[command.kind], command.key)
    if row is not None:
        _remove_here(turn, row)
    return None


def remove(turn: Turn, row: Row) -> None:
    """Delete a definition here, where it is decided, and have every other partition do so."""
    _remove_here(turn, row)
    command = RemoveDefinition(kind=type(row).__name__, key=row.own_key())
    for target in range(turn.shard.partitions):
        if target != turn.shard.partition:
            turn.send(target, command)


def _remove_here(turn: Turn, row: Row) -> None:
    turn.rows.delete(row)
    if isinstance(row, TaskDef):
        forget(turn, row.name)


COMMAND = CommandType(
    RemoveDefinition, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
