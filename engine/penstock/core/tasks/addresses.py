"""Where tasks go: an address that has said that it takes nothing any more is not gone to again, by
whatever run, until somebody has it tried again.

The address of a task is the first of the inputs, as its TaskDef names them, that is given. It is
looked at whenever the task is to be handed out, for each attempt.
"""

from __future__ import annotations

from penstock.core.definitions.defs import GoneAddress, TaskDef, gone_name
from penstock.core.limits import URL_CHARS_MAX
from penstock.core.state.failures import Failure
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskEvent
from penstock.core.state.turn import Turn
from penstock.core.tasks.attempts import move_task, own_attempt, tell
from penstock.core.tasks.counts import count_end
from penstock.core.tasks.inputs import Inputs
from penstock.core.values.timestamps import timestamp_text


def address_of(task_def: TaskDef, inputs: Inputs) -> str | None:
    """Where a task goes, if that can be told; one that is masked can not, as it is shown."""
    for name in task_def.addressed_by:
        given = inputs.values.get(name)
        if isinstance(given, str) and given:
            hidden = name in inputs.masked or len(given) > URL_CHARS_MAX
            return None if hidden else given
    return None


def ends_as_gone(turn: Turn, task: TaskRun) -> bool:
    """Whether nobody is to go there; the current attempt has ended with that then."""
    if task.address is None:
        return False
    gone = turn.rows.peek(GoneAddress, task.tenant, gone_name(task.address))
    if gone is None:
        return False
    move_task(turn, task, TaskEvent.THROW)
    attempt = own_attempt(task)
    attempt.status = task.status
    attempt.ended_ms = turn.at_ms
    attempt.failure = Failure(gone.failure, _why(gone))
    count_end(turn, task)
    tell(turn, task)
    turn.rows.put(task)
    return True


def _why(gone: GoneAddress) -> str:
    said = f"{gone.address!r} takes nothing since {timestamp_text(gone.since_ms)}"
    told = f"run {gone.heard_by} was told: {gone.message}"
    ways = "put the application again, or delete the gone address"
    return f"{said} ({told}). To have it tried again, {ways} {gone.name}"
