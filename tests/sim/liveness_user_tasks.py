"""What liveness asks of user tasks, their timers and their reminders."""

from __future__ import annotations

from typing import Final

from penstock.core.definitions.defs import HeldTask
from penstock.core.state.rows import Row
from penstock.core.state.run import NodeRun, ThreadRun
from penstock.core.state.timers import Timer
from penstock.core.state.transitions import USER_TASK_LIVE
from penstock.core.state.user_task_rows import UserTaskRun
from tests.sim.tables import Group

LEFT_BY_REMINDERS: Final[dict[type[Row], str]] = {
    Timer: "the time-out of a reminder that a worker has",
    HeldTask: "a reminder whose topic is not there; TopicReady cancels it",
}
"""What may stay behind while a reminder of a user task is at work."""


def waits_for_user(group: Group, thread: ThreadRun, node_run: NodeRun) -> str | None:
    """A person; what has ended takes effect in the same turn."""
    row = group.one(UserTaskRun, (node_run.progress or {}).get("user_task", ""))
    if row is None or (row.thread, row.position) != (thread.number, node_run.position):
        return None
    return f"user task {row.guid}" if row.status in USER_TASK_LIVE else None


def belongs_to_user_task(group: Group, timer: Timer) -> bool:
    """An action that its user task knows of."""
    row = group.one(UserTaskRun, timer.detail)
    if row is None or row.status not in USER_TASK_LIVE:
        return False
    known = {(one.action, one.clock, one.due_ms) for one in row.timers}
    return (timer.number, timer.clock, timer.due_ms) in known
