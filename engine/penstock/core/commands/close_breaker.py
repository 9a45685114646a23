"""CloseBreaker: an operator says that the tasks of a TaskDef can be done again: what its breaker
holds goes out, on every partition.
"""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.reset_breaker import ResetBreaker
from penstock.core.definitions.defs import TaskDef
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.tasks.breakers import reset
from penstock.core.values.value import Value


class CloseBreaker(Command, frozen=True):
    """Which TaskDef's."""

    task_def: str


def handle(turn: Turn, command: CloseBreaker) -> Value:
    """Close it here, and have it closed everywhere else; a closed one stays as it is."""
    task_def = turn.rows.peek(TaskDef, turn.tenant, command.task_def)
    if task_def is None:
        refuse(Code.TASK_DEF_UNKNOWN, f"there is no TaskDef {command.task_def!r}")
    if task_def.breaker is None:
        refuse(
            Code.BREAKER_UNKNOWN,
            f"TaskDef {command.task_def!r} has no breaker: nothing of it is held",
        )
    reset(turn, command.task_def)
    for target in range(turn.shard.partitions):
        if target != turn.shard.partition:
            turn.send(target, ResetBreaker(task_def=command.task_def))
    return {"task_def": command.task_def}


COMMAND = CommandType(CloseBreaker, handle, of_partition_0)
