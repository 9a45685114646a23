"""RetryNow: an operator has a task that waits in its backoff tried again at once."""

from penstock.core.advance.advance import settle
from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.agenda import wake
from penstock.core.state.run import TaskRun
from penstock.core.state.turn import Turn
from penstock.core.tasks.attempts import drop_backoff
from penstock.core.tasks.lookup import known, live
from penstock.core.values.value import Value


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


COMMAND = CommandType(RetryNow, handle, of_wf_run, audited=True)
