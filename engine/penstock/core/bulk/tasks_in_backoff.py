"""The tasks of a run that wait in a backoff, found along its threads, so many at a look (R3)."""

from __future__ import annotations

from penstock.core.errors import Code, refuse
from penstock.core.limits import BULK_THREADS_PER_LOOK
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, WfRun
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


def next_task_in_backoff(
    turn: Turn, wf_run_id: str, first: int
) -> tuple[dict[str, Value] | None, int | None]:
    """The next task, looked for from a thread on, and from which thread to look further. With the
    last thread it refuses if there is none at it.
    """
    run = turn.rows.peek(WfRun, turn.tenant, wf_run_id)
    if run is None:
        refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {wf_run_id!r}")
    last = min(run.threads, first + BULK_THREADS_PER_LOOK)
    for number in range(first, last):
        guid = _waiting_at(turn, wf_run_id, number)
        if guid is not None:
            return {"guid": guid}, number + 1 if number + 1 < run.threads else None
    if last == run.threads:
        refuse(Code.TASK_NOT_IN_BACKOFF, f"no task of WfRun {wf_run_id!r} waits for a backoff")
    return None, last


def _waiting_at(turn: Turn, wf_run_id: str, number: int) -> str | None:
    thread = turn.rows.peek(ThreadRun, turn.tenant, wf_run_id, number)
    if thread is None or thread.status not in THREAD_LIVE:
        return None
    node_run = turn.rows.peek(NodeRun, turn.tenant, wf_run_id, number, thread.position)
    if node_run is None or node_run.task is None:
        return None
    task = turn.rows.peek(TaskRun, turn.tenant, wf_run_id, node_run.task)
    return None if task is None or task.timer is None else task.guid
