"""Noting what a run waits for besides its work. A node run keeps as what it is counted, so that it
is taken from the count as what it was added to it; of a task its history tells.
"""

from __future__ import annotations

from typing import Final

from penstock.core.flow.at import At
from penstock.core.flow.waiters import tell_waiters_of_run
from penstock.core.state.history import note
from penstock.core.state.rest_rows import Rest, RunRests
from penstock.core.state.run import TaskRun, WfRun
from penstock.core.state.transitions import TaskStatus, ThreadStatus
from penstock.core.state.turn import Turn

_FAILED: Final = frozenset(
    {TaskStatus.TASK_FAILED, TaskStatus.TASK_TIMEOUT, TaskStatus.TASK_EXCEPTION}
)
"""The ends of an attempt that another one may follow."""


def rest(at: At, kind: Rest | None) -> None:
    """The current node run waits for this; None: for nothing of the kind."""
    before = at.node_run.rests
    if before is kind:
        return
    at.node_run.rests = kind
    counts = dict.fromkeys(Rest, 0)
    if before is not None:
        counts[before] -= 1
    if kind is not None:
        counts[kind] += 1
    _count(at.turn, at.run.wf_run_id, counts, at.run)


def is_retry(task: TaskRun) -> bool:
    """Whether a task waits for its next attempt because the last one has failed."""
    if task.status is not TaskStatus.TASK_PENDING or len(task.history) < 2:
        return False
    return task.history[-2].status in _FAILED


def count_retry(turn: Turn, task: TaskRun, *, was_one: bool) -> None:
    """A task has moved: it waits for a retry now, or does so no longer."""
    change = int(is_retry(task)) - int(was_one)
    if change:
        _count(turn, task.wf_run_id, {Rest.WAIT: 0, Rest.RETRY: change})


def rests(turn: Turn, run: WfRun) -> bool:
    """Whether who waits for the run waits for no work: it is halted, or waits itself."""
    if run.status is ThreadStatus.HALTED:
        return True
    row = turn.rows.peek(RunRests, run.tenant, run.wf_run_id)
    return row is not None and row.status == Rest.WAIT


def _count(turn: Turn, wf_run_id: str, counts: dict[Rest, int], run: WfRun | None = None) -> None:
    """Count so many more; who waits for the run, and rests with it, is to look."""
    row = turn.rows.get(RunRests, turn.tenant, wf_run_id) or RunRests(turn.tenant, wf_run_id)
    before = row.status
    row.waits = max(0, row.waits + counts[Rest.WAIT])
    row.retries = max(0, row.retries + counts[Rest.RETRY])
    if row.status != before:
        note(turn, row, row.status)
    turn.rows.put(row)
    if (before == Rest.WAIT) != (row.status == Rest.WAIT):
        run = run or turn.rows.peek(WfRun, turn.tenant, wf_run_id)
        assert run is not None, "what waits is of a run"
        tell_waiters_of_run(turn, run)
