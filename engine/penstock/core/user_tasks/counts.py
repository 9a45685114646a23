"""What becomes of user tasks, counted by their UserTaskDef (see state/windows.py)."""

from __future__ import annotations

from typing import Final

from penstock.core.state.transitions import UserTaskStatus
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import UserTaskRun
from penstock.core.state.windows import Measured, UserTaskCount, count

_USER_TASKS: Final = Measured.USER_TASK_DEF.value
_CREATED: Final = UserTaskCount.CREATED.value
_COUNT_OF: Final = {
    UserTaskStatus.UNASSIGNED: UserTaskCount.UNASSIGNED.value,
    UserTaskStatus.ASSIGNED: UserTaskCount.ASSIGNED.value,
    UserTaskStatus.DONE: UserTaskCount.DONE.value,
    UserTaskStatus.CANCELLED: UserTaskCount.CANCELLED.value,
}


def count_status(turn: Turn, before: UserTaskRun | None, row: UserTaskRun) -> None:
    """A user task has been made, or has come to have another status."""
    if before is not None and before.status is row.status:
        return
    after_ms = {_COUNT_OF[row.status]: max(0, turn.at_ms - row.scheduled_ms)}
    if before is None:
        after_ms[_CREATED] = 0
    count(turn, _USER_TASKS, row.user_task_def, after_ms)
