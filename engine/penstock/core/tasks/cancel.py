"""Ending a task by hand: what it waits for goes, and its attempt ends without a worker's word."""

from __future__ import annotations

from penstock.core.flow.at import At
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import Stop, TaskRun
from penstock.core.state.transitions import TASK_IN_FLIGHT, TASK_LIVE, TaskEvent, TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.tasks import tasks
from penstock.core.tasks.attempts import drop_backoff, end_attempt, signal


def task_of(at: At) -> TaskRun | None:
    """The TaskRun that the current node mirrors, if it has come to one."""
    if at.node_run.task is None or not at.config.MIRRORS_TASK:
        return None
    return tasks.current(at)


def cancel_live(at: At, message: str) -> None:
    """End the task of the current node, if it has one that has not ended."""
    task = task_of(at)
    if task is not None and task.status in TASK_LIVE:
        cancel(at.turn, task, message)


def cancel(turn: Turn, task: TaskRun, message: str) -> None:
    """End a live task as cancelled; an attempt that has ended already stays as it ended."""
    last, ended = task.attempt, is_backing_off(task)
    told = task.stop is not None and task.stop.kind is Stop.CANCEL
    if task.status in TASK_IN_FLIGHT and not told:
        signal(turn, task, Stop.CANCEL)
    release(turn, task)
    failure = Failure(FailureName.TASK_CANCELLED, message)
    end_attempt(turn, task, TaskEvent.CANCEL, output=None, failure=failure)
    if ended:
        task.attempt = last
        turn.rows.put(task)


def is_backing_off(task: TaskRun) -> bool:
    """Whether its last attempt has ended, and the next one is to come."""
    pending = TaskStatus.TASK_PENDING
    return task.status is pending and task.attempt.status is not pending


def release(turn: Turn, task: TaskRun) -> None:
    """The task waits for no backoff and no topic any more."""
    if tasks.is_held(task):
        tasks.drop_held(turn, task)
    drop_backoff(turn, task)
