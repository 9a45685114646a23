"""How attempts and tasks end, counted by their TaskDef (see state/windows.py)."""

from __future__ import annotations

from typing import Final

from penstock.core.state.run import PastAttempt, TaskAttempt, TaskRun
from penstock.core.state.transitions import TASK_LIVE, TaskEvent, TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.state.windows import Measured, TaskCount, count

_TASKS: Final = Measured.TASK_DEF.value
_WAITED: Final = TaskCount.WAITED.value
_FAILED: Final = TaskCount.FAILED.value
_ERROR: Final = TaskCount.ERROR.value
_OF_ATTEMPTS: Final = {
    TaskEvent.SUCCEED: TaskCount.SUCCEEDED.value,
    TaskEvent.THROW: TaskCount.THREW.value,
    TaskEvent.CANCEL: TaskCount.STOPPED.value,
    TaskEvent.RESTART: TaskCount.STOPPED.value,
}
_OF_TASKS: Final = {
    TaskStatus.TASK_SUCCESS: TaskCount.COMPLETED.value,
    TaskStatus.TASK_EXCEPTION: TaskCount.EXCEPTION.value,
}


def count_end(turn: Turn, task: TaskRun, ended: TaskEvent | None = None) -> None:
    """The current attempt has `ended` so, if it had begun; and the task, unless it is to go on."""
    took_ms: dict[str, int] = {}
    attempt = task.attempt
    if ended is not None:
        started_ms = attempt.started_ms
        if started_ms is not None:
            took_ms[_WAITED] = max(0, started_ms - attempt.scheduled_ms)
        ran_ms = 0 if started_ms is None else max(0, turn.at_ms - started_ms)
        took_ms[_OF_ATTEMPTS.get(ended, _FAILED)] = ran_ms
    if task.status not in TASK_LIVE:
        handed_out_ms = first_attempt(turn, task).scheduled_ms
        how = _OF_TASKS.get(task.status, _ERROR)
        took_ms[how] = max(0, turn.at_ms - handed_out_ms)
    count(turn, _TASKS, task.task_def, took_ms)


def first_attempt(turn: Turn, task: TaskRun) -> TaskAttempt:
    """The first attempt of a task."""
    if task.attempt.number == 1:
        return task.attempt
    past = turn.rows.peek(PastAttempt, task.tenant, task.wf_run_id, task.guid, 1)
    assert past is not None, "an attempt that is followed by another is kept"
    return past.attempt
