"""OutputFailed: the owner tells that a task could not be delivered (R7). Too large fails the task
for good; a record with which the log finds other fault fails the attempt, and its retry may have
more luck; a topic that is not there, or not permitted, holds it until the topic is ready."""

from typing import Final

from penstock.core.command import Command, CommandType, Repeats, Sender, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.agenda import wake
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.transitions import TaskEvent, TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.tasks import attempts, tasks
from penstock.core.tasks.lookup import newest
from penstock.core.values.value import Value

FAILURES: Final = {
    "TOO_LARGE": FailureName.OUTPUT_TOO_LARGE,
    "INVALID": FailureName.TASK_FAILURE,
}
"""What of the attempt comes, by code; with any other one it is held."""


class OutputFailed(Command, frozen=True):
    """Which attempt, and why: TOO_LARGE, INVALID, NO_TOPIC or DENIED."""

    wf_run_id: str
    guid: str
    attempt: int
    code: str
    message: str


def handle(turn: Turn, command: OutputFailed) -> Value:
    """Hold the attempt, or end it; one that has gone on meanwhile is left alone."""
    task = newest(turn, command.wf_run_id, command.guid, command.attempt)
    if task.status is not TaskStatus.TASK_SCHEDULED:
        refuse(Code.ATTEMPT_ENDED, f"attempt {command.attempt} of {command.guid} is {task.status}")
    name = FAILURES.get(command.code)
    if name is None:
        tasks.hold(turn, task)
    else:
        failure = Failure(name, f"the log refuses the task: {command.message}")
        attempts.end_attempt(turn, task, TaskEvent.FAIL, output=None, failure=failure)
    wake(turn, task.wf_run_id, task.thread)
    return None


COMMAND = CommandType(
    OutputFailed, handle, of_wf_run, repeats=Repeats.HARMLESS, sender=Sender.ENGINE
)
