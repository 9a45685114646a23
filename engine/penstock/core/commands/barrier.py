"""Barrier: moves the fold version of the log (R9). Decided on partition 0 and sent to all."""

from penstock.core.command import Command, CommandType, Sender, of_partition_0
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.state.versions import move_up
from penstock.core.values.value import Value


class Barrier(Command, frozen=True):
    """The version in force from here on."""

    version: int


def handle(turn: Turn, command: Barrier) -> Value:
    """Move up; never down. What comes from the deciding partition moves its target by itself."""
    if turn.shard.partition != DECIDING_PARTITION:
        move_up(turn.state, command.version)
        return None
    if command.version <= turn.state.fold_version:
        refuse(Code.VERSION_UNKNOWN, f"fold version {turn.state.fold_version} is in force")
    move_up(turn.state, command.version)
    for target in range(turn.shard.partitions):
        if target != DECIDING_PARTITION:
            turn.send(target, command)
    return None


COMMAND = CommandType(Barrier, handle, of_partition_0, sender=Sender.ENGINE)
