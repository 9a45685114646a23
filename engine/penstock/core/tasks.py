"""TaskRuns: handing a task out, its attempts, retries and time-outs.

A TaskRun keeps its newest attempt; an earlier one becomes a PastAttempt row, so that a thousandth
retry costs what the first did. During a backoff the last attempt has ended and the task is
TASK_PENDING: the thread can be halted, and the retry then waits for the resume.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from penstock.core.at import At, peek_thread
from penstock.core.definitions import HeldTask
from penstock.core.errors import Code, refuse
from penstock.core.failures import Failure, FailureName
from penstock.core.history import note
from penstock.core.ids import derive_guid
from penstock.core.nodes.base import WAIT, Outcome
from penstock.core.outputs import ScheduledTask, TaskRunChanged
from penstock.core.rows import copy_of
from penstock.core.run import (
    NodeRun,
    PastAttempt,
    TaskAttempt,
    TaskRun,
    WfRun,
)
from penstock.core.timers import Clock, TimerKind, clock_ms, drop_timer, set_timer
from penstock.core.transitions import (
    TASK,
    TASK_IN_FLIGHT,
    TASK_RETRYABLE,
    THREAD_LIVE,
    TaskEvent,
    TaskStatus,
    ThreadStatus,
    move,
)
from penstock.core.turn import Turn
from penstock.core.values import Value, value_bytes

if TYPE_CHECKING:
    from penstock.core.nodes.task import TaskNode

REPORTS: Final = {
    TaskStatus.TASK_SUCCESS: TaskEvent.SUCCEED,
    TaskStatus.TASK_FAILED: TaskEvent.FAIL,
    TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR: TaskEvent.OUTPUT_ERROR,
    TaskStatus.TASK_INPUT_VAR_SUB_ERROR: TaskEvent.INPUT_ERROR,
    TaskStatus.TASK_EXCEPTION: TaskEvent.THROW,
}
"""What a worker may report, and what it does to the task."""

FAILURE_OF: Final = {
    TaskStatus.TASK_FAILED: FailureName.TASK_FAILURE,
    TaskStatus.TASK_TIMEOUT: FailureName.TIMEOUT,
    TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR: FailureName.VAR_MUTATION_ERROR,
    TaskStatus.TASK_INPUT_VAR_SUB_ERROR: FailureName.VAR_SUB_ERROR,
    TaskStatus.TASK_CANCELLED: FailureName.TASK_CANCELLED,
}
"""The failure that a task run's end means for its node; a TASK_EXCEPTION brings its own."""


def of_report(turn: Turn, wf_run_id: str, guid: str, attempt: int) -> TaskRun:
    """The TaskRun that a worker speaks of; refuses one that is unknown, or an attempt that is not
    its newest.
    """
    task = turn.rows.get(TaskRun, turn.tenant, wf_run_id, guid)
    if task is None:
        refuse(Code.TASK_RUN_UNKNOWN, f"WfRun {wf_run_id!r} has no TaskRun {guid!r}")
    if attempt != task.attempt.number:
        refuse(
            Code.ATTEMPT_STALE,
            f"attempt {attempt} of {guid} is not the newest, which is {task.attempt.number}",
        )
    return task


def create(at: At, config: TaskNode, inputs: dict[str, Value]) -> None:
    """Make the TaskRun of the current node and hand it out."""
    turn, run, node_run = at.turn, at.run, at.node_run
    guid = derive_guid(
        turn.shard.partition, run.born_offset, run.wf_run_id, node_run.thread, node_run.position
    )
    node_run.task = guid
    task = TaskRun(
        turn.tenant,
        run.wf_run_id,
        guid,
        node_run.thread,
        node_run.position,
        config.task_def,
        TaskStatus.TASK_PENDING,
        config.max_attempts,
        config.timeout_ms,
        config.backoff,
        inputs,
        TaskAttempt(1, TaskStatus.TASK_PENDING, turn.at_ms),
    )
    send(at, task)


def send(at: At, task: TaskRun) -> None:
    """Hand the current attempt to the task's queue."""
    turn = at.turn
    attempt = _attempt_copy(task)
    attempt.status = TaskStatus.TASK_SCHEDULED
    attempt.scheduled_ms = turn.at_ms
    _move(turn, task, TaskEvent.SEND)
    turn.rows.put(task)
    turn.output_bytes += value_bytes(task.inputs)
    turn.outputs.append(_output(turn, at.run, at.node_run, task))


def start(turn: Turn, task: TaskRun, worker: str) -> None:
    """A worker says that it runs the attempt: from now on the time-out runs."""
    attempt = _attempt_copy(task)
    attempt.status = TaskStatus.TASK_RUNNING
    attempt.started_ms = turn.at_ms
    attempt.worker = worker
    attempt.timer = set_timer(
        turn,
        TimerKind.TASK_TIMEOUT,
        task.wf_run_id,
        clock=Clock.AWAKE,
        due_ms=clock_ms(turn, Clock.AWAKE) + task.timeout_ms,
        detail=task.guid,
        number=attempt.number,
    )
    _move(turn, task, TaskEvent.START)
    turn.rows.put(task)


def end_attempt(
    turn: Turn, task: TaskRun, event: TaskEvent, *, output: Value, failure: Failure | None
) -> None:
    """End the current attempt; if it may be tried again, plan the next one."""
    attempt = _attempt_copy(task)
    _drop_timeout(turn, task, attempt)
    _move(turn, task, event)
    attempt.status = task.status
    attempt.ended_ms = turn.at_ms
    attempt.output = output
    attempt.failure = failure
    if _may_retry(turn, task):
        _plan_retry(turn, task)
    _tell(turn, task)
    turn.rows.put(task)


def hold(turn: Turn, task: TaskRun) -> None:
    """The task's topic can not take it now: the same attempt will be sent again (R7)."""
    _move(turn, task, TaskEvent.HOLD)
    attempt = _attempt_copy(task)
    attempt.status = TaskStatus.TASK_PENDING
    turn.rows.put(task)
    turn.rows.put(held_row(task))


def is_held(task: TaskRun) -> bool:
    """Whether the current attempt waits for its topic (and not for a backoff)."""
    return task.status is task.attempt.status is TaskStatus.TASK_PENDING


def is_interruptible(at: At) -> bool:
    """A task that is with a worker, or on its way to one, keeps its thread from being halted."""
    return current(at).status not in TASK_IN_FLIGHT


def held_row(task: TaskRun) -> HeldTask:
    """The row by which a task waits for its topic."""
    return HeldTask(task.tenant, task.task_def, task.wf_run_id, task.guid)


def go_on(at: At) -> Outcome:
    """Send what was held once its topic is ready, or make the next attempt once its backoff is
    over; a halt puts both off.
    """
    task = current(at)
    if task.status is not TaskStatus.TASK_PENDING:
        return WAIT
    if at.thread.status is not ThreadStatus.RUNNING:
        at.turn.rows.delete(held_row(task))  # it is sent when the thread runs again
    elif is_held(task):
        waits = (task.tenant, task.task_def, task.wf_run_id, task.guid)
        if at.turn.rows.peek(HeldTask, *waits) is None:
            send(at, task)
    elif task.timer is None:
        _next_attempt(at, task)
    return WAIT


def current(at: At) -> TaskRun:
    """The TaskRun of the current node."""
    guid = at.node_run.task
    assert guid is not None, "a TASK node run that waits has a task"
    task = at.turn.rows.get(TaskRun, at.turn.tenant, at.run.wf_run_id, guid)
    assert task is not None, "and its row"
    return task


def _may_retry(turn: Turn, task: TaskRun) -> bool:
    """Whether there will be another attempt; not for a thread that has ended without the task."""
    failure = task.attempt.failure
    if failure is not None and failure.name == FailureName.OUTPUT_TOO_LARGE:
        return False
    if task.status not in TASK_RETRYABLE or task.attempt.number >= task.max_attempts:
        return False
    thread = peek_thread(turn, task.wf_run_id, task.thread)
    return thread is not None and thread.status in THREAD_LIVE


def _plan_retry(turn: Turn, task: TaskRun) -> None:
    _move(turn, task, TaskEvent.RETRY)
    delay_ms = 0 if task.backoff is None else task.backoff.delay_ms(task.attempt.number)
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


def _next_attempt(at: At, task: TaskRun) -> None:
    turn, past = at.turn, task.attempt
    turn.rows.put(PastAttempt(task.tenant, task.wf_run_id, task.guid, past.number, past))
    task.attempt = TaskAttempt(past.number + 1, TaskStatus.TASK_PENDING, turn.at_ms)
    send(at, task)


def _attempt_copy(task: TaskRun) -> TaskAttempt:
    """The current attempt as the task's own copy, to be changed."""
    task.attempt = copy_of(task.attempt)
    return task.attempt


def _move(turn: Turn, task: TaskRun, event: TaskEvent) -> None:
    task.status = move(TASK, task.status, event)
    note(turn, task, task.status)


def _drop_timeout(turn: Turn, task: TaskRun, attempt: TaskAttempt) -> None:
    if attempt.timer is not None:
        drop_timer(
            turn,
            attempt.timer,
            TimerKind.TASK_TIMEOUT,
            task.wf_run_id,
            detail=task.guid,
            number=attempt.number,
        )
        attempt.timer = None


def _tell(turn: Turn, task: TaskRun) -> None:
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


def _output(turn: Turn, run: WfRun, node_run: NodeRun, task: TaskRun) -> ScheduledTask:
    return ScheduledTask(
        tenant=turn.tenant,
        wf_run_id=task.wf_run_id,
        guid=task.guid,
        task_def=task.task_def,
        attempt=task.attempt.number,
        inputs=task.inputs,
        wf_spec=run.wf_spec,
        version=run.version,
        node=node_run.node,
        thread=task.thread,
        scheduled_at_ms=turn.at_ms,
        timeout_ms=task.timeout_ms,
        max_attempts=task.max_attempts,
        report_partition=turn.shard.partition,
    )
