"""The index by which user tasks are found: a row for each way, with the status in its key."""

from __future__ import annotations

from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import FoundBy, UserTaskOf, UserTaskRun


def index(turn: Turn, before: UserTaskRun | None, after: UserTaskRun | None) -> None:
    """A user task is found as it is now, and no more as it was."""
    gone = [] if before is None else _found_by(before)
    there = [] if after is None else _found_by(after)
    for row in gone:
        if row not in there:
            turn.rows.delete(row)
    for row in there:
        if row not in gone:
            turn.rows.put(row)


def _found_by(row: UserTaskRun) -> list[UserTaskOf]:
    named = (
        (FoundBy.USER, row.user_id),
        (FoundBy.GROUP, row.user_group),
        (FoundBy.DEF, row.user_task_def),
        (FoundBy.STATUS, ""),
    )
    return [
        UserTaskOf(row.tenant, by, of, row.status, row.wf_run_id, row.guid)
        for by, of in named
        if of is not None
    ]
