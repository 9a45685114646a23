"""Metadata: definitions are decided on partition 0 and sent to every other one, in order, as engine
commands (R4, R11).
"""

from typing import Final

import msgspec

from penstock.core.definitions import ExternalEventDef, TaskDef
from penstock.core.errors import Code, refuse
from penstock.core.rows import Row
from penstock.core.spec import LatestWfSpec, WfSpec
from penstock.core.turn import Turn

DEFINITIONS: Final[dict[str, type[Row]]] = {
    kind.__name__: kind for kind in (TaskDef, WfSpec, LatestWfSpec, ExternalEventDef)
}
"""The rows that a partition takes from partition 0."""

DECIDING_PARTITION: Final = 0

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def install(turn: Turn, row: Row) -> None:
    """Write a definition here and send it everywhere else."""
    from penstock.core.commands.install_definition import InstallDefinition  # it imports this file

    if turn.shard.partition != DECIDING_PARTITION:
        refuse(Code.WRONG_PARTITION, f"metadata is decided on partition {DECIDING_PARTITION}")
    turn.rows.put(row)
    command = InstallDefinition(kind=type(row).__name__, row=_encode(row))
    for target in range(turn.shard.partitions):
        if target != turn.shard.partition:
            turn.send(target, command)
