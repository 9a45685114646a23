"""InstallDefinition: a definition that partition 0 has decided, as the others get it."""

import msgspec

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.definitions.metadata import DEFINITIONS
from penstock.core.definitions.wf_spec import LatestWfSpec
from penstock.core.places.places import look_again
from penstock.core.starts.watches import watch
from penstock.core.state.rows import Row
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


class InstallDefinition(Command, frozen=True):
    """The kind of the row and its bytes."""

    kind: str
    row: bytes


def handle(turn: Turn, command: InstallDefinition) -> Value:
    """Write the row."""
    _write(turn, msgspec.msgpack.decode(command.row, type=DEFINITIONS[command.kind]))
    return None


def install(turn: Turn, row: Row) -> None:
    """Write a definition here, where it was decided, and send it everywhere else."""
    _write(turn, row)
    command = InstallDefinition(kind=type(row).__name__, row=_encode(row))
    for target in range(turn.shard.partitions):
        if target != turn.shard.partition:
            turn.send(target, command)


def _write(turn: Turn, row: Row) -> None:
    """With another version of a spec, another number of its runs may be at work, and other ends
    start some.
    """
    if isinstance(row, LatestWfSpec):
        watch(turn, turn.rows.peek(LatestWfSpec, turn.tenant, row.name), row)
    turn.rows.put(row)
    if isinstance(row, LatestWfSpec):
        look_again(turn, row.name)


COMMAND = CommandType(
    InstallDefinition, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
