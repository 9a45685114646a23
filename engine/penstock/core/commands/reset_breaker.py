"""ResetBreaker: partition 0 has the breaker of a TaskDef closed on another partition."""

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.state.turn import Turn
from penstock.core.tasks.breakers import reset
from penstock.core.values.value import Value


class ResetBreaker(Command, frozen=True):
    """Which TaskDef's."""

    task_def: str


def handle(turn: Turn, command: ResetBreaker) -> Value:
    """Close it."""
    reset(turn, command.task_def)
    return None


COMMAND = CommandType(
    ResetBreaker, handle, of_partition_0, repeats=Repeats.HARMLESS, sender=Sender.ENGINE
)
