"""Stopping a task from outside: an operator's shutdown or restart, the kill of its run, a worker
that hands it back.

What nobody is known to run is ended at once; one that is with the workers is signalled all the
same: somebody may have begun it a moment ago, and not said so yet. A running attempt is asked: the
request stands in the TaskRun, goes out as a WorkerSignal and is in the answers to heartbeats and
checkpoints; the task stays TASK_RUNNING until its worker reports, hands it back, or the time it was
granted is over. An attempt that is given up for a restart does not count towards max_attempts.
"""

from __future__ import annotations

from typing import Final

from penstock.core.definitions.defs import TaskDef
from penstock.core.errors import Code, refuse
from penstock.core.limits import DURATION_MS_MAX, RESTARTS_MAX
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import Stop, StopRequest, TaskRun, TimerKey
from penstock.core.state.timers import Clock, TimerKind, clock_ms, set_timer
from penstock.core.state.transitions import TASK_IN_FLIGHT, TaskEvent, TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.tasks.attempts import (
    drop_backoff,
    drop_stop,
    end_attempt,
    move_task,
    own_attempt,
    signal,
    tell,
)
from penstock.core.tasks.counts import count_end
from penstock.core.tasks.tasks import drop_held, is_held

STRENGTH: Final = (Stop.RESTART, Stop.SHUTDOWN, Stop.CANCEL)
"""A stronger request takes the place of a weaker one, never the other way round."""


def ask_to_stop(turn: Turn, task: TaskRun, kind: Stop, grace_ms: int | None) -> None:
    """Stop a live task: at once, or once its worker has had this long to do so. Without a time the
    caller ends it, if its worker does not.
    """
    if grace_ms is not None and not 0 <= grace_ms <= DURATION_MS_MAX:
        refuse(Code.BAD_VALUE, f"grace_ms {grace_ms}: use 0 to {DURATION_MS_MAX}")
    if task.status not in TASK_IN_FLIGHT:
        if kind is Stop.RESTART:
            refuse(
                Code.TASK_NOT_IN_FLIGHT,
                f"TaskRun {task.guid} is {task.status}: there is no attempt to be given up",
            )
        _cancel_waiting(turn, task, kind)
        return
    _check_request(task, kind)
    if task.status is TaskStatus.TASK_SCHEDULED or grace_ms == 0:
        signal(turn, task, kind)
        stop_now(turn, task, kind, f"{kind} was asked for")
    elif task.stop is not None and task.stop.kind is kind:
        turn.repeated = True
    else:
        _request(turn, task, kind, grace_ms)


def stop_now(turn: Turn, task: TaskRun, kind: Stop, message: str) -> None:
    """End the attempt without its worker's word."""
    event = TaskEvent.RESTART if kind is Stop.RESTART else TaskEvent.CANCEL
    failure = Failure(FailureName.TASK_CANCELLED, message)
    end_attempt(turn, task, event, output=None, failure=failure)


def hand_back(turn: Turn, task: TaskRun, worker: str) -> None:
    """The worker gives the attempt up. It is begun anew where an operator wants that, or where the
    TaskDef says that doing it twice does no harm."""
    asked = None if task.stop is None else task.stop.kind
    task_def = turn.rows.peek(TaskDef, task.tenant, task.task_def)
    harmless = task_def is not None and task_def.idempotent and task.uncounted < RESTARTS_MAX
    again = asked is Stop.RESTART or (asked is None and harmless)
    own_attempt(task).worker = worker
    kind = Stop.RESTART if again else asked or Stop.SHUTDOWN
    stop_now(turn, task, kind, f"handed back by worker {worker!r}")


def give_up(turn: Turn, task: TaskRun) -> None:
    """The node of the task is left before its end: there will be no other attempt."""
    if task.status is TaskStatus.TASK_PENDING:
        _cancel_waiting(turn, task, Stop.CANCEL)


def _check_request(task: TaskRun, kind: Stop) -> None:
    asked = task.stop
    if asked is not None and STRENGTH.index(kind) < STRENGTH.index(asked.kind):
        refuse(Code.STOP_REQUESTED, f"TaskRun {task.guid} has been asked for {asked.kind} already")
    if kind is Stop.RESTART and task.uncounted >= RESTARTS_MAX:
        refuse(Code.LIMIT, f"TaskRun {task.guid} has been restarted {RESTARTS_MAX} times")


def _request(turn: Turn, task: TaskRun, kind: Stop, grace_ms: int | None) -> None:
    drop_stop(turn, task)
    timer = None if grace_ms is None else _set_timer(turn, task, grace_ms)
    task.stop = StopRequest(kind, turn.at_ms, timer)
    turn.rows.put(task)
    signal(turn, task, kind)


def _set_timer(turn: Turn, task: TaskRun, grace_ms: int) -> TimerKey:
    return set_timer(
        turn,
        TimerKind.TASK_STOP,
        task.wf_run_id,
        clock=Clock.AWAKE,
        due_ms=clock_ms(turn, Clock.AWAKE) + grace_ms,
        detail=task.guid,
        number=task.attempt.number,
    )


def _cancel_waiting(turn: Turn, task: TaskRun, kind: Stop) -> None:
    """Cancel a task that waits for its topic, or for its next attempt: the last one has ended, and
    stays as it did."""
    if is_held(task):
        drop_held(turn, task)
        attempt = own_attempt(task)
        attempt.status = TaskStatus.TASK_CANCELLED
        attempt.ended_ms = turn.at_ms
        attempt.failure = Failure(FailureName.TASK_CANCELLED, f"{kind} was asked for")
    drop_backoff(turn, task)
    move_task(turn, task, TaskEvent.CANCEL)
    count_end(turn, task)
    tell(turn, task)
    turn.rows.put(task)
