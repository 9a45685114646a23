"""HandBackTask: a worker that is going away gives a task up. Its TaskDef says whether it is begun
anew, in an attempt that does not count, or cancelled (`idempotent`).
"""

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.flow.agenda import wake
from penstock.core.state.first_answer import FirstAnswer
from penstock.core.state.turn import Turn
from penstock.core.tasks.attempts import keep_answer
from penstock.core.tasks.lookup import first_end, in_flight
from penstock.core.tasks.stops import hand_back
from penstock.core.values.value import Value


class HandBackTask(Command, frozen=True):
    """Which attempt, and which worker gives it up."""

    wf_run_id: str
    guid: str
    attempt: int
    worker: str = ""


def handle(turn: Turn, command: HandBackTask) -> Value:
    """Give the attempt up."""
    task = in_flight(turn, command.wf_run_id, command.guid, command.attempt, command.worker)
    hand_back(turn, task, command.worker)
    wake(turn, task.wf_run_id, task.thread)
    body: Value = {"status": task.status, "attempt": task.attempt.number}
    return keep_answer(turn, task, command, body)


def first(turn: Turn, command: HandBackTask) -> FirstAnswer | None:
    """What the worker was told who ended the attempt."""
    return first_end(turn, command.wf_run_id, command.guid, command.attempt)


COMMAND = CommandType(HandBackTask, handle, of_wf_run, repeats=Repeats.OWN_ROWS, first=first)
