"""RequeueTask: an operator has a task that nobody has started sent to its queue again, as the same
attempt. For a queue that has lost records; the attempt is run once, whichever record is taken.
"""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.state.transitions import TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.tasks.lookup import live
from penstock.core.tasks.tasks import send_again
from penstock.core.values.value import Value


class RequeueTask(Command, frozen=True):
    """Which task."""

    wf_run_id: str
    guid: str


def handle(turn: Turn, command: RequeueTask) -> Value:
    """Send it again, if it is in its queue as far as we know."""
    task = live(turn, command.wf_run_id, command.guid)
    if task.status is not TaskStatus.TASK_SCHEDULED:
        refuse(Code.TASK_NOT_QUEUED, f"TaskRun {command.guid} is {task.status}")
    send_again(turn, task)
    return {"status": task.status, "attempt": task.attempt.number}


COMMAND = CommandType(RequeueTask, handle, of_wf_run, audited=True)
