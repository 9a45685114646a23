"""Finds the TaskRun that a command speaks of, and refuses what can not be meant: one file, so that
every command about tasks is refused with the same codes.
"""

from __future__ import annotations

from penstock.core.errors import Code, refuse
from penstock.core.state.first_answer import FirstAnswer
from penstock.core.state.run import PastAttempt, TaskRun
from penstock.core.state.transitions import TASK_IN_FLIGHT, TASK_LIVE, TaskStatus
from penstock.core.state.turn import Turn


def known(turn: Turn, wf_run_id: str, guid: str) -> TaskRun:
    """The TaskRun; refuses one that does not exist."""
    task = turn.rows.get(TaskRun, turn.tenant, wf_run_id, guid)
    if task is None:
        refuse(Code.TASK_RUN_UNKNOWN, f"WfRun {wf_run_id!r} has no TaskRun {guid!r}")
    return task


def live(turn: Turn, wf_run_id: str, guid: str) -> TaskRun:
    """The TaskRun that an operator speaks of; refuses one that has ended."""
    task = known(turn, wf_run_id, guid)
    if task.status not in TASK_LIVE:
        refuse(Code.TASK_RUN_ENDED, f"TaskRun {guid} is {task.status}")
    return task


def newest(turn: Turn, wf_run_id: str, guid: str, attempt: int) -> TaskRun:
    """The TaskRun that a worker speaks of; refuses an attempt that is not its newest."""
    task = known(turn, wf_run_id, guid)
    if attempt != task.attempt.number:
        refuse(
            Code.ATTEMPT_STALE,
            f"attempt {attempt} of {guid} is not the newest, which is {task.attempt.number}",
        )
    return task


def first_end(turn: Turn, wf_run_id: str, guid: str, attempt: int) -> FirstAnswer | None:
    """What the worker was told who ended an attempt, be it the newest or a past one."""
    task = turn.rows.peek(TaskRun, turn.tenant, wf_run_id, guid)
    if task is None or not 1 <= attempt <= task.attempt.number:
        return None
    if attempt == task.attempt.number:
        return task.attempt.first
    past = turn.rows.peek(PastAttempt, turn.tenant, wf_run_id, guid, attempt)
    return None if past is None else past.attempt.first


def in_flight(turn: Turn, wf_run_id: str, guid: str, attempt: int, worker: str | None) -> TaskRun:
    """The TaskRun whose newest attempt this worker has; refuses one that has ended, and one that
    another worker runs (None: it does not say which one it is).
    """
    task = newest(turn, wf_run_id, guid, attempt)
    if task.status not in TASK_IN_FLIGHT:
        refuse(Code.ATTEMPT_ENDED, f"attempt {attempt} of {guid} is {task.status}")
    runs = task.status is TaskStatus.TASK_RUNNING
    if runs and worker is not None and task.attempt.worker != worker:
        refuse(Code.ATTEMPT_TAKEN, f"attempt {attempt} of {guid} runs at {task.attempt.worker!r}")
    return task
