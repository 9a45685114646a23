"""The newest attempts of a task: it may have a million, which nobody is shown at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock.core.state.rows import Rows
from penstock.core.state.run import PastAttempt, TaskAttempt, TaskRun

ATTEMPTS_SHOWN_MAX: Final = 100
"""So many stand in a task run; all of them in the list of its attempts."""


def newest_first(rows: Rows, task: TaskRun) -> Iterator[TaskAttempt]:
    """The attempts of a task, the newest first; each has the number behind that of the one before,
    so each is one look.
    """
    yield task.attempt
    for number in range(task.attempt.number - 1, 0, -1):
        past = rows.peek(PastAttempt, task.tenant, task.wf_run_id, task.guid, number)
        if past is None:
            return
        yield past.attempt
