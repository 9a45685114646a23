"""What a timer does when it is due: one function a kind. A timer whose subject has gone on
meanwhile does nothing.
"""

from collections.abc import Callable
from typing import Final

from penstock.core import deletion, kill_run, sweep, tasks
from penstock.core.advance import quarantine, task_moved
from penstock.core.agenda import wake
from penstock.core.failures import Failure, FailureName
from penstock.core.load import is_there, load
from penstock.core.run import NodeRun, TaskRun, TimerKey
from penstock.core.threads import wake_children
from penstock.core.timers import Timer, TimerKind
from penstock.core.transitions import TaskEvent, TaskStatus
from penstock.core.turn import Turn


def fire(turn: Turn, timer: Timer) -> None:
    """Do what the timer is for; its row goes."""
    turn.rows.delete(timer)
    if timer.kind is TimerKind.DELETE_RUN or is_there(turn, timer.wf_run_id):
        _FIRE[timer.kind](turn, timer)


def blame(turn: Turn, wf_run_id: str, message: str, *, leaving: bool) -> None:
    """A defect was ruled on: the run it hit ends with a failure that says so (R6)."""
    if is_there(turn, wf_run_id):
        quarantine(load(turn, wf_run_id, 0), message, leaving=leaving)


def _advance(turn: Turn, timer: Timer) -> None:
    wake(turn, timer.wf_run_id, timer.number)


def _wake_children(turn: Turn, timer: Timer) -> None:
    wake_children(turn, timer.wf_run_id, int(timer.detail), timer.number)


def _task_timeout(turn: Turn, timer: Timer) -> None:
    task = turn.rows.get(TaskRun, turn.tenant, timer.wf_run_id, timer.detail)
    if task is None or task.attempt.number != timer.number:
        return
    if task.status is not TaskStatus.TASK_RUNNING:
        return
    message = (
        f"no report within {task.timeout_ms} ms of the start, from worker {task.attempt.worker!r}"
    )
    failure = Failure(FailureName.TIMEOUT, message)
    tasks.end_attempt(turn, task, TaskEvent.TIME_OUT, output=None, failure=failure)
    task_moved(turn, task)


def _task_retry(turn: Turn, timer: Timer) -> None:
    task = turn.rows.get(TaskRun, turn.tenant, timer.wf_run_id, timer.detail)
    if task is None or task.attempt.number != timer.number:
        return
    task.timer = None
    turn.rows.put(task)
    task_moved(turn, task)


def _node(turn: Turn, timer: Timer) -> None:
    thread = int(timer.detail)
    node_run = turn.rows.get(NodeRun, turn.tenant, timer.wf_run_id, thread, timer.number)
    if node_run is not None and node_run.timer == TimerKey(timer.clock, timer.due_ms):
        node_run.timer = None
        turn.rows.put(node_run)
        wake(turn, timer.wf_run_id, thread)


_FIRE: Final[dict[TimerKind, Callable[[Turn, Timer], None]]] = {
    TimerKind.ADVANCE: _advance,
    TimerKind.WAKE_CHILDREN: _wake_children,
    TimerKind.TASK_TIMEOUT: _task_timeout,
    TimerKind.TASK_RETRY: _task_retry,
    TimerKind.NODE: _node,
    TimerKind.SWEEP: sweep.fire_sweep,
    TimerKind.WAKE_THREADS: sweep.fire_wake_threads,
    TimerKind.KILL_BELOW: kill_run.fire_kill_below,
    TimerKind.KILL_DEADLINE: sweep.fire_deadline,
    TimerKind.RETENTION: deletion.fire_retention,
    TimerKind.DELETE_RUN: deletion.fire_delete,
}
