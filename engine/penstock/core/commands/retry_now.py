"""RetryNow: an operator has a task that waits in its backoff tried again at once."""

from penstock.core.advance import settle
from penstock.core.agenda import wake
from penstock.core.attempts import drop_backoff
from penstock.core.commands.base import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.run import TaskRun
from penstock.core.task_lookup import known, live
from penstock.core.turn import Turn
from penstock.core.values import Value


class RetryNow(Command, frozen=True):
    """Which task."""

    wf_run_id: str
    guid: str


def handle(turn: Turn, command: RetryNow) -> Value:
    """End the backoff; a halted thread still makes the attempt only when it runs again."""
    task: TaskRun = live(turn, command.wf_run_id, command.guid)
    if task.timer is None:
        refuse(
            Code.TASK_NOT_IN_BACKOFF,
            f"TaskRun {command.guid} is {task.status}, and waits for no backoff",
        )
    drop_backoff(turn, task)
    turn.rows.put(task)
    wake(turn, task.wf_run_id, task.thread)
    settle(turn)
    now = known(turn, command.wf_run_id, command.guid)
    return {"status": now.status, "attempt": now.attempt.number}


COMMAND = CommandType(RetryNow, handle, of_wf_run)
