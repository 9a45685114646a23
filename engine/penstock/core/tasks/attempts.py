"""Attempts of a TaskRun: how one is started, kept alive and ended, and whether another follows.

Time runs on the AWAKE clock from the start on. Without `heartbeat_timeout_ms` each sign of life (a
heartbeat, a checkpoint) starts `timeout_ms` anew; with it, signs of life must come that often, and
`timeout_ms` is what an attempt may take from its start, or its last checkpoint, to its end. A sign
of life writes no timer: when the timer is due too early, it is set again.
"""

from __future__ import annotations

from typing import Final

from penstock.core.flow.at import peek_thread
from penstock.core.flow.rests import count_retry, is_retry
from penstock.core.limits import RETRY_AFTER_MS_MAX, WORKER_CHARS_MAX
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.first_answer import first_answer
from penstock.core.state.history import note
from penstock.core.state.outputs import TaskRunChanged, WorkerSignal
from penstock.core.state.rows import copy_of
from penstock.core.state.run import Stop, TaskAttempt, TaskRun, TimerKey
from penstock.core.state.task_rows import Pulse
from penstock.core.state.timers import Clock, TimerKind, clock_ms, drop_timer, set_timer
from penstock.core.state.transitions import (
    TASK,
    TASK_RETRYABLE,
    THREAD_LIVE,
    TaskEvent,
    TaskStatus,
    move,
)
from penstock.core.state.turn import Turn
from penstock.core.tasks.breakers import note_end
from penstock.core.tasks.counts import count_end, first_attempt
from penstock.core.values.value import Value

GIVEN_UP: Final = frozenset({TaskEvent.FAIL, TaskEvent.TIME_OUT})
"""Ends that mean, for an attempt that was asked to stop, that it has stopped."""


def start(turn: Turn, task: TaskRun, worker: str, worker_version: str = "") -> None:
    """A worker says that it runs the attempt: from now on the time-out runs."""
    attempt = own_attempt(task)
    attempt.status = TaskStatus.TASK_RUNNING
    attempt.started_ms = turn.at_ms
    attempt.worker = worker
    attempt.worker_version = worker_version[:WORKER_CHARS_MAX]
    set_timeout(turn, task, clock_ms(turn, Clock.AWAKE) + first_window_ms(task))
    move_task(turn, task, TaskEvent.START)
    turn.rows.put(task)


def end_attempt(
    turn: Turn,
    task: TaskRun,
    event: TaskEvent,
    *,
    output: Value,
    failure: Failure | None,
    retry_after_ms: int = 0,
    final: bool = False,
) -> None:
    """End the current attempt; if it may be tried again, and is not `final`, plan the next one, not
    sooner than after the time that its worker has named. One that was asked to stop, and did not
    get to an end of its own, has stopped.
    """
    attempt = own_attempt(task)
    asked = drop_stop(turn, task)
    if asked is not None and event in GIVEN_UP:
        if event is TaskEvent.FAIL and attempt.reported is None:
            attempt.reported = TaskStatus.TASK_FAILED
        event = TaskEvent.RESTART if asked is Stop.RESTART else TaskEvent.CANCEL
        said = "" if failure is None else f": {failure.message}"
        failure = Failure(FailureName.TASK_CANCELLED, f"{asked} was asked for{said}")
    if event is TaskEvent.RESTART and not _thread_lives(turn, task):
        event = TaskEvent.CANCEL
    _drop_timeout(turn, task, attempt)
    counted = (
        None if attempt.ended_ms is not None else event
    )  # it may wait for the next, or be said
    if task.guarded and counted is not None and attempt.status is not TaskStatus.TASK_PENDING:
        note_end(turn, task, event)  # of one that was sent, and had not ended before
    move_task(turn, task, event)
    restarts = event is TaskEvent.RESTART
    attempt.status = TaskStatus.TASK_CANCELLED if restarts else task.status
    attempt.ended_ms = turn.at_ms
    attempt.output = output
    attempt.failure = failure
    if restarts:
        task.uncounted += 1
    elif not final and _may_retry(turn, task):
        delay_ms = max(_delay_ms(task), min(retry_after_ms, RETRY_AFTER_MS_MAX))
        if _is_within(turn, task, turn.at_ms + delay_ms):
            _plan_retry(turn, task, delay_ms)
    elif event is TaskEvent.SUCCEED and task.warn_on_retry:
        attempt.warning = attempt.warning or _counted(task) > 1
    count_end(turn, task, counted)
    tell(turn, task)
    turn.rows.put(task)


def keep_answer(turn: Turn, task: TaskRun, command: object, body: Value) -> Value:
    """Keep what the worker who ended the attempt is told, for when it says so again."""
    kept = copy_of(task)
    own_attempt(kept).first = first_answer(command, turn.command_id, body)
    turn.rows.put(kept)
    return body


def set_timeout(turn: Turn, task: TaskRun, due_ms: int) -> None:
    """Set the timer of the current attempt, which is the task's own copy."""
    task.attempt.timer = set_timer(
        turn,
        TimerKind.TASK_TIMEOUT,
        task.wf_run_id,
        clock=Clock.AWAKE,
        due_ms=due_ms,
        detail=task.guid,
        number=task.attempt.number,
    )


def first_window_ms(task: TaskRun) -> int:
    """How long an attempt may run that has given no sign of life."""
    wanted = task.heartbeat_timeout_ms
    return task.timeout_ms if wanted is None else min(task.timeout_ms, wanted)


def deadline_ms(task: TaskRun, pulse: Pulse) -> int:
    """When an attempt with these signs of life times out, on the AWAKE clock."""
    if task.heartbeat_timeout_ms is None:
        return pulse.heard_ms + task.timeout_ms
    return min(pulse.heard_ms + task.heartbeat_timeout_ms, pulse.checkpoint_ms + task.timeout_ms)


def drop_stop(turn: Turn, task: TaskRun) -> Stop | None:
    """Forget what the running attempt was asked; returns what it was."""
    asked = task.stop
    if asked is None:
        return None
    if asked.timer is not None:
        _drop(turn, task, TimerKind.TASK_STOP, asked.timer)
    task.stop = None
    return asked.kind


def drop_backoff(turn: Turn, task: TaskRun) -> None:
    """The backoff is over, or there will be no retry."""
    if task.timer is not None:
        _drop(turn, task, TimerKind.TASK_RETRY, task.timer)
        task.timer = None


def own_attempt(task: TaskRun) -> TaskAttempt:
    """The current attempt as the task's own copy, to be changed."""
    task.attempt = copy_of(task.attempt)
    return task.attempt


def move_task(turn: Turn, task: TaskRun, event: TaskEvent) -> None:
    """Move the task on, and keep that in its history."""
    was_one = is_retry(task)
    task.status = move(TASK, task.status, event)
    note(turn, task, task.status)
    count_retry(turn, task, was_one=was_one)


def tell(turn: Turn, task: TaskRun) -> None:
    """Tell the outside that an attempt or the task has ended."""
    turn.tell(
        task.wf_run_id,
        TaskRunChanged(
            wf_run_id=task.wf_run_id,
            guid=task.guid,
            task_def=task.task_def,
            status=task.status,
            attempt=task.attempt.number,
            at_ms=turn.at_ms,
        ),
    )


def signal(turn: Turn, task: TaskRun, kind: Stop) -> None:
    """Tell the workers that the attempt is to end, or has: whoever runs it."""
    turn.outputs.append(
        WorkerSignal(
            tenant=task.tenant,
            wf_run_id=task.wf_run_id,
            guid=task.guid,
            task_def=task.task_def,
            attempt=task.attempt.number,
            worker=task.attempt.worker,
            stop=kind,
        )
    )


def _may_retry(turn: Turn, task: TaskRun) -> bool:
    """Whether there will be another attempt; not for a thread that has ended without the task."""
    failure = task.attempt.failure
    if failure is not None and failure.name == FailureName.OUTPUT_TOO_LARGE:
        return False
    thrown = task.status is TaskStatus.TASK_EXCEPTION and task.retry_exceptions
    if task.status not in TASK_RETRYABLE and not thrown:
        return False
    if _counted(task) >= task.max_attempts:
        return False
    return _thread_lives(turn, task)


def _counted(task: TaskRun) -> int:
    return task.attempt.number - task.uncounted


def _thread_lives(turn: Turn, task: TaskRun) -> bool:
    if task.user_task is not None:
        return False  # no node looks after it: nobody would make another attempt
    thread = peek_thread(turn, task.wf_run_id, task.thread)
    return thread is not None and thread.status in THREAD_LIVE


def _delay_ms(task: TaskRun) -> int:
    """How long the next attempt waits, by the backoff."""
    if task.backoff is None:
        return 0
    return task.backoff.delay_ms(_counted(task), task.guid, task.attempt.number)


def _is_within(turn: Turn, task: TaskRun, due_ms: int) -> bool:
    """Whether a retry at this time begins soon enough after the first attempt's start."""
    if task.retry_within_ms is None:
        return True
    first = first_attempt(turn, task)
    began_ms = first.scheduled_ms if first.started_ms is None else first.started_ms
    return due_ms <= began_ms + task.retry_within_ms


def _plan_retry(turn: Turn, task: TaskRun, delay_ms: int) -> None:
    move_task(turn, task, TaskEvent.RETRY)
    if delay_ms == 0:
        return
    task.timer = set_timer(
        turn,
        TimerKind.TASK_RETRY,
        task.wf_run_id,
        clock=Clock.DURATION,
        due_ms=clock_ms(turn, Clock.DURATION) + delay_ms,
        detail=task.guid,
        number=task.attempt.number,
    )


def _drop_timeout(turn: Turn, task: TaskRun, attempt: TaskAttempt) -> None:
    if attempt.timer is not None:
        _drop(turn, task, TimerKind.TASK_TIMEOUT, attempt.timer)
        attempt.timer = None


def _drop(turn: Turn, task: TaskRun, kind: TimerKind, key: TimerKey) -> None:
    drop_timer(turn, key, kind, task.wf_run_id, detail=task.guid, number=task.attempt.number)
