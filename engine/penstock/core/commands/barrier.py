"""Barrier: moves the fold version of the log (R9). Decided on partition 0 and sent to all."""

from penstock.core.command import Command, CommandType, Sender, of_partition_0
from penstock.core.errors import Code, Outdated, refuse
from penstock.core.limits import FOLD_VERSION
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class Barrier(Command, frozen=True):
    """The version in force from here on."""

    version: int


def handle(turn: Turn, command: Barrier) -> Value:
    """Move up; never down. A build that does not know the version must not fold on."""
    if command.version <= turn.state.fold_version:
        refuse(Code.VERSION_UNKNOWN, f"fold version {turn.state.fold_version} is in force")
    if command.version > FOLD_VERSION:
        raise Outdated(
            f"the log moves to fold version {command.version}, this build knows {FOLD_VERSION}"
        )
    turn.state.fold_version = command.version
    if turn.shard.partition == 0:
        for target in range(1, turn.shard.partitions):
            turn.send(target, command)
    return None


COMMAND = CommandType(Barrier, handle, of_partition_0, sender=Sender.ENGINE)
