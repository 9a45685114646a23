"""What the timers of a task do when they are due: nothing, if their attempt has gone on."""

from __future__ import annotations

from penstock.core.flow.agenda import wake
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import TaskRun
from penstock.core.state.task_rows import Pulse
from penstock.core.state.timers import Clock, Timer, clock_ms
from penstock.core.state.transitions import TaskEvent, TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.tasks.attempts import deadline_ms, end_attempt, own_attempt, set_timeout
from penstock.core.tasks.stops import stop_now


def timeout_due(turn: Turn, timer: Timer) -> None:
    """The attempt has run for too long, unless it has given a sign of life since the timer was
    set: then its time is over later.
    """
    task = _running(turn, timer)
    if task is None:
        return
    pulse = turn.rows.peek(Pulse, task.tenant, task.wf_run_id, task.guid, timer.number)
    due_ms = timer.due_ms if pulse is None else deadline_ms(task, pulse)
    if due_ms > clock_ms(turn, Clock.AWAKE):
        own_attempt(task)
        set_timeout(turn, task, due_ms)
        turn.rows.put(task)
        return
    failure = Failure(FailureName.TIMEOUT, _why(task, pulse))
    end_attempt(turn, task, TaskEvent.TIME_OUT, output=None, failure=failure)
    wake(turn, task.wf_run_id, task.thread)


def retry_due(turn: Turn, timer: Timer) -> None:
    """The backoff is over; the thread makes the next attempt, when it runs."""
    task = turn.rows.get(TaskRun, turn.tenant, timer.wf_run_id, timer.detail)
    if task is None or task.attempt.number != timer.number:
        return
    task.timer = None
    turn.rows.put(task)
    wake(turn, task.wf_run_id, task.thread)


def stop_due(turn: Turn, timer: Timer) -> None:
    """The worker has had its time to stop."""
    task = _running(turn, timer)
    if task is None or task.stop is None:
        return
    asked = task.stop.kind
    message = f"{asked} was asked for, and worker {task.attempt.worker!r} did not stop in time"
    stop_now(turn, task, asked, message)
    wake(turn, task.wf_run_id, task.thread)


def _running(turn: Turn, timer: Timer) -> TaskRun | None:
    """The task of a timer, if the attempt that it was set for runs."""
    task = turn.rows.get(TaskRun, turn.tenant, timer.wf_run_id, timer.detail)
    if task is None or task.attempt.number != timer.number:
        return None
    return task if task.status is TaskStatus.TASK_RUNNING else None


def _why(task: TaskRun, pulse: Pulse | None) -> str:
    worker = task.attempt.worker
    if task.heartbeat_timeout_ms is None or pulse is None:
        window_ms = min(task.timeout_ms, task.heartbeat_timeout_ms or task.timeout_ms)
        since = "the start" if pulse is None else "its last sign of life"
        return f"no report within {window_ms} ms of {since}, from worker {worker!r}"
    if pulse.heard_ms + task.heartbeat_timeout_ms <= pulse.checkpoint_ms + task.timeout_ms:
        return f"no heartbeat for {task.heartbeat_timeout_ms} ms from worker {worker!r}"
    return (
        f"no report within {task.timeout_ms} ms of the start or the last checkpoint,"
        f" from worker {worker!r}"
    )
