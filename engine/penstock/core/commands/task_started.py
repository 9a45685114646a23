"""TaskStarted: a worker says that it runs an attempt. From now on the attempt's time-out runs (and
over HTTP, the lease).
"""

from penstock.core import tasks
from penstock.core.commands.base import Command, CommandType, Repeats, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.transitions import TASK_IN_FLIGHT, TaskStatus
from penstock.core.turn import Turn
from penstock.core.values import Value


class TaskStarted(Command, frozen=True):
    """Which attempt, and which worker."""

    wf_run_id: str
    guid: str
    attempt: int
    worker: str = ""


def handle(turn: Turn, command: TaskStarted) -> Value:
    """Start the attempt; the same worker may say so again, another one comes too late."""
    task = tasks.of_report(turn, command.wf_run_id, command.guid, command.attempt)
    if task.status not in TASK_IN_FLIGHT:
        refuse(Code.ATTEMPT_ENDED, f"attempt {command.attempt} of {command.guid} is {task.status}")
    if task.status is TaskStatus.TASK_RUNNING:
        if task.attempt.worker != command.worker:
            refuse(
                Code.ATTEMPT_TAKEN,
                f"attempt {command.attempt} of {command.guid} runs at {task.attempt.worker!r}",
            )
        turn.repeated = True
        return None
    tasks.start(turn, task, command.worker)
    return None


COMMAND = CommandType(TaskStarted, handle, of_wf_run, repeats=Repeats.HARMLESS)
