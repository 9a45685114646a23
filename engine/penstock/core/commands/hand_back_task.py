"""HandBackTask: a worker that is going away gives a task up. Its TaskDef says whether it is begun
anew, in an attempt that does not count, or cancelled (`idempotent`).
"""

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.flow.agenda import wake
from penstock.core.state.run import PastAttempt, TaskAttempt
from penstock.core.state.transitions import TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.tasks.lookup import in_flight, known
from penstock.core.tasks.stops import hand_back
from penstock.core.values.value import Value


class HandBackTask(Command, frozen=True):
    """Which attempt, and which worker gives it up."""

    wf_run_id: str
    guid: str
    attempt: int
    worker: str = ""


def handle(turn: Turn, command: HandBackTask) -> Value:
    """Give the attempt up; said again, it is answered again."""
    ended = _ended(turn, command)
    if ended is not None and _given_up(ended, command.worker):
        turn.repeated = True
    else:
        task = in_flight(turn, command.wf_run_id, command.guid, command.attempt, command.worker)
        hand_back(turn, task, command.worker)
        wake(turn, task.wf_run_id, task.thread)
    now = known(turn, command.wf_run_id, command.guid)
    return {"status": now.status, "attempt": now.attempt.number}


def _ended(turn: Turn, command: HandBackTask) -> TaskAttempt | None:
    """The attempt that is spoken of, the newest or a past one."""
    task = known(turn, command.wf_run_id, command.guid)
    if task.attempt.number == command.attempt:
        return task.attempt
    number = max(0, command.attempt)
    past = turn.rows.peek(PastAttempt, turn.tenant, command.wf_run_id, command.guid, number)
    return None if past is None else past.attempt


def _given_up(attempt: TaskAttempt, worker: str) -> bool:
    return attempt.status is TaskStatus.TASK_CANCELLED and attempt.worker == worker


COMMAND = CommandType(HandBackTask, handle, of_wf_run, repeats=Repeats.OWN_ROWS)
