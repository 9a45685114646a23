"""PutCheckpoint: a worker puts a value aside, so that the next attempt need not work for it again.
The answer says whether to go on: CONTINUE_TASK, or STOP_TASK when the attempt is over or is asked
to stop.
"""

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.commands.task_heartbeat import asked_of
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TASK_IN_FLIGHT, TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.tasks import attempts
from penstock.core.tasks import words as task_words
from penstock.core.tasks.checkpoints import checkpoint_count, put_checkpoint
from penstock.core.tasks.lookup import in_flight, known
from penstock.core.values.value import Value

CONTINUE_TASK = "CONTINUE_TASK"
STOP_TASK = "STOP_TASK"


class PutCheckpoint(Command, frozen=True):
    """Which attempt, and the checkpoint: its number (from 0, without gaps) tells a repeat."""

    wf_run_id: str
    guid: str
    attempt: int
    number: int
    value: Value = None
    logs: str = ""
    worker: str | None = None


def handle(turn: Turn, command: PutCheckpoint) -> Value:
    """Keep the value; from here on `timeout_ms` runs anew. A stale one changes nothing."""
    task = known(turn, command.wf_run_id, command.guid)
    if command.attempt != task.attempt.number or task.status not in TASK_IN_FLIGHT:
        return _answer(turn, task, STOP_TASK)
    in_flight(turn, command.wf_run_id, command.guid, command.attempt, command.worker)
    if put_checkpoint(turn, task, command.number, command.value, command.logs):
        if task.status is TaskStatus.TASK_SCHEDULED:
            attempts.start(turn, task, command.worker or "")
        task_words.hear(turn, task, checkpoint=True)
    else:
        turn.repeated = True
    return _answer(turn, task, CONTINUE_TASK if task.stop is None else STOP_TASK)


def _answer(turn: Turn, task: TaskRun, flow: str) -> Value:
    return {
        "flow": flow,
        "total_checkpoints": checkpoint_count(turn, task),
        **asked_of(task),
    }


COMMAND = CommandType(PutCheckpoint, handle, of_wf_run, repeats=Repeats.OWN_ROWS)
