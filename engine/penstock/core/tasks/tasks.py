"""TaskRuns: handing a task out, holding it, and its next attempt; and what its status means for its
node.

A TaskRun keeps its newest attempt; an earlier one becomes a PastAttempt row, so that a thousandth
retry costs what the first did. During a backoff the last attempt has ended and the task is
TASK_PENDING: the thread can be halted, and the retry then waits for the resume.
"""

from __future__ import annotations

from typing import Final

from penstock.core.definitions.defs import HeldTask, TaskDef
from penstock.core.definitions.nodes import TaskNode
from penstock.core.flow.at import At
from penstock.core.ids import visit_id
from penstock.core.state.breaker_rows import HeldByBreaker
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.history import note
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.run import (
    NodeRun,
    PastAttempt,
    TaskAttempt,
    TaskRun,
    WfRun,
)
from penstock.core.state.transitions import (
    TASK_IN_FLIGHT,
    TaskEvent,
    TaskStatus,
    ThreadStatus,
)
from penstock.core.state.turn import Turn
from penstock.core.tasks.addresses import address_of, ends_as_gone
from penstock.core.tasks.attempts import move_task, own_attempt
from penstock.core.tasks.breakers import lets_out
from penstock.core.tasks.checkpoints import kept_checkpoints
from penstock.core.tasks.inputs import Inputs
from penstock.core.values.value import value_bytes

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


def create(at: At, config: TaskNode, task_def: TaskDef, inputs: Inputs) -> TaskRun:
    """Make the TaskRun of the current node and hand it out."""
    turn, run, node_run = at.turn, at.run, at.node_run
    guid = visit_id(
        turn.shard.partition, run.born_offset, run.wf_run_id, node_run.thread, node_run.position
    )
    node_run.task = guid
    task = TaskRun(
        turn.tenant,
        run.wf_run_id,
        guid,
        node_run.thread,
        node_run.position,
        task_def.name,
        TaskStatus.TASK_PENDING,
        config.attempts_max,
        config.timeout_ms,
        config.backoff,
        inputs.values,
        TaskAttempt(1, TaskStatus.TASK_PENDING, turn.at_ms),
        heartbeat_timeout_ms=config.heartbeat_timeout_ms,
        retry_within_ms=config.retry_within_ms,
        warn_on_retry=config.warn_on_retry,
        retry_exceptions=config.retry_exceptions,
        secrets=inputs.secrets,
        masked=inputs.masked,
        guarded=task_def.breaker is not None,
        output_required=config.output_required,
        address=address_of(task_def, inputs) if task_def.addressed_by else None,
    )
    send(at, task)
    return task


def send(at: At, task: TaskRun) -> None:
    """Hand the current attempt to the task's queue, unless a breaker holds it, or nobody is to go
    where it goes: then it has ended.
    """
    turn = at.turn
    if ends_as_gone(turn, task):
        return
    if task.guarded and not lets_out(turn, task):
        _hold_by_breaker(turn, task)
        return
    attempt = own_attempt(task)
    attempt.status = TaskStatus.TASK_SCHEDULED
    attempt.scheduled_ms = turn.at_ms
    attempt.sent_offset = turn.offset
    move_task(turn, task, TaskEvent.SEND)
    turn.rows.put(task)
    _emit(turn, at.run, at.node_run, task)


def send_again(turn: Turn, task: TaskRun) -> None:
    """Hand the same attempt to the queue once more; the record that a worker takes first counts."""
    run = turn.rows.peek(WfRun, task.tenant, task.wf_run_id)
    node_run = turn.rows.peek(NodeRun, task.tenant, task.wf_run_id, task.thread, task.position)
    if run is None or node_run is None:
        return  # it is being deleted, a part at a time
    own_attempt(task).sent_offset = turn.offset
    turn.rows.put(task)
    _emit(turn, run, node_run, task)


def hold(turn: Turn, task: TaskRun) -> None:
    """The task's topic can not take it now: the same attempt will be sent again (R7)."""
    move_task(turn, task, TaskEvent.HOLD)
    attempt = own_attempt(task)
    attempt.status = TaskStatus.TASK_PENDING
    turn.rows.put(task)
    turn.rows.put(held_row(task))


def _hold_by_breaker(turn: Turn, task: TaskRun) -> None:
    """The attempt waits until the breaker lets it out."""
    note(turn, task, TaskStatus.TASK_PENDING)
    turn.rows.put(task)
    turn.rows.put(_held_by_breaker(task))


def is_held(task: TaskRun) -> bool:
    """Whether the current attempt waits for its topic, or a breaker (and not for a backoff)."""
    return task.status is task.attempt.status is TaskStatus.TASK_PENDING


def is_interruptible(at: At) -> bool:
    """A task that is with a worker, or on its way to one, keeps its thread from being halted."""
    return current(at).status not in TASK_IN_FLIGHT


def failure_of(task: TaskRun) -> Failure:
    """Why a task that has ended without success did."""
    failure = task.attempt.failure
    cancelled = task.status is TaskStatus.TASK_CANCELLED
    if cancelled and (failure is None or failure.name != FailureName.TASK_CANCELLED):
        return Failure(FailureName.TASK_CANCELLED, "cancelled while it waited to be retried")
    assert failure is not None, "a task that ends without success has a failure"
    return failure


def drop_held(turn: Turn, task: TaskRun) -> None:
    """The task waits for no topic and no breaker any more."""
    turn.rows.delete(held_row(task))
    if task.guarded:
        turn.rows.delete(_held_by_breaker(task))


def _held_by_breaker(task: TaskRun) -> HeldByBreaker:
    return HeldByBreaker(task.tenant, task.task_def, task.wf_run_id, task.guid)


def held_row(task: TaskRun) -> HeldTask:
    """The row by which a task waits for its topic."""
    return HeldTask(task.tenant, task.task_def, task.wf_run_id, task.guid)


def go_on(at: At, task: TaskRun) -> None:
    """Send what was held once its topic is ready or its breaker lets it out, or make the next
    attempt once its backoff is over; a halt puts both off. It may have ended then.
    """
    if task.status is not TaskStatus.TASK_PENDING:
        return
    if at.thread.status is not ThreadStatus.RUNNING:
        drop_held(at.turn, task)  # it is sent when the thread runs again
    elif is_held(task):
        if not _waits(at.turn, task):
            send(at, task)
    elif task.timer is None:
        _next_attempt(at, task)


def _waits(turn: Turn, task: TaskRun) -> bool:
    """Whether it still is in the row of those that wait for its topic or a breaker."""
    key = (task.tenant, task.task_def, task.wf_run_id, task.guid)
    if task.guarded and turn.rows.peek(HeldByBreaker, *key) is not None:
        return True
    return turn.rows.peek(HeldTask, *key) is not None


def current(at: At) -> TaskRun:
    """The TaskRun of the current node."""
    guid = at.node_run.task
    assert guid is not None, "a TASK node run that waits has a task"
    task = at.turn.rows.get(TaskRun, at.turn.tenant, at.run.wf_run_id, guid)
    assert task is not None, "and its row"
    return task


def _next_attempt(at: At, task: TaskRun) -> None:
    turn, past = at.turn, task.attempt
    turn.rows.put(PastAttempt(task.tenant, task.wf_run_id, task.guid, past.number, past))
    task.attempt = TaskAttempt(past.number + 1, TaskStatus.TASK_PENDING, turn.at_ms)
    send(at, task)


def _emit(turn: Turn, run: WfRun, node_run: NodeRun, task: TaskRun) -> None:
    number = task.attempt.number
    checkpoints, used, checkpoint = 0, 0, None
    turn.output_bytes += value_bytes(task.inputs)
    if number > 1:
        checkpoints, used, checkpoint = kept_checkpoints(turn, task)
        turn.output_bytes += value_bytes(checkpoint)
    turn.outputs.append(
        ScheduledTask(
            tenant=turn.tenant,
            wf_run_id=task.wf_run_id,
            guid=task.guid,
            task_def=task.task_def,
            attempt=number,
            inputs=task.inputs,
            wf_spec=run.wf_spec,
            version=run.version,
            node=node_run.node,
            thread=task.thread,
            scheduled_at_ms=task.attempt.scheduled_ms,
            timeout_ms=task.timeout_ms,
            max_attempts=task.max_attempts + task.uncounted,
            report_partition=turn.shard.partition,
            heartbeat_timeout_ms=task.heartbeat_timeout_ms,
            total_checkpoints=checkpoints,
            secrets=task.secrets,
            checkpoint=checkpoint,
            checkpoints_bytes=used,
        )
    )
