"""Tick: carries nothing; it lets time pass on its partition (R2)."""

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class Tick(Command, frozen=True):
    """Time passes."""


def handle(turn: Turn, command: Tick) -> Value:
    """The fold has let the time pass already; from here on another minute may."""
    turn.state.awake_since_tick_ms = 0
    return None


COMMAND = CommandType(Tick, handle, of_partition_0, repeats=Repeats.HARMLESS, sender=Sender.ENGINE)
