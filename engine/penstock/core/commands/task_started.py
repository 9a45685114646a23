"""TaskStarted: a worker says that it runs an attempt. From now on the attempt's time-out runs (and
over HTTP, the lease).
"""

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.state.transitions import TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.tasks import attempts
from penstock.core.tasks.lookup import in_flight
from penstock.core.values.value import Value


class TaskStarted(Command, frozen=True):
    """Which attempt, and which worker; `worker_version` is what runs there, as it names itself."""

    wf_run_id: str
    guid: str
    attempt: int
    worker: str = ""
    worker_version: str = ""


def handle(turn: Turn, command: TaskStarted) -> Value:
    """Start the attempt; the same worker may say so again, another one comes too late."""
    task = in_flight(turn, command.wf_run_id, command.guid, command.attempt, command.worker)
    if task.status is TaskStatus.TASK_RUNNING:
        turn.repeated = True
        return None
    attempts.start(turn, task, command.worker, command.worker_version)
    return None


COMMAND = CommandType(TaskStarted, handle, of_wf_run, repeats=Repeats.HARMLESS)
