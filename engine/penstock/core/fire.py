"""What a timer does when it is due: one function a kind. A timer whose subject has gone on
meanwhile does nothing.
"""

from collections.abc import Callable
from typing import Final

from penstock.core import tasks
from penstock.core.advance import drive, quarantine, resume_node, task_moved
from penstock.core.load import load
from penstock.core.nodes.base import TimerDue
from penstock.core.run import Failure, FailureName, TaskRun, WfRun
from penstock.core.schedule_fire import schedule_defective, schedule_due
from penstock.core.timers import Timer, TimerKind
from penstock.core.transitions import THREAD_LIVE, TaskEvent, TaskStatus
from penstock.core.turn import Turn


def fire(turn: Turn, timer: Timer) -> None:
    """Do what the timer is for; its row goes."""
    turn.rows.delete(timer)
    of_no_run = timer.kind is TimerKind.SCHEDULE
    if of_no_run or turn.rows.peek(WfRun, turn.tenant, timer.wf_run_id) is not None:
        _FIRE[timer.kind](turn, timer)


def blame_timer(turn: Turn, timer: Timer, message: str) -> None:
    """A defect of a timer was ruled on: what it belongs to ends, or stops, for it (R6)."""
    if timer.kind is TimerKind.SCHEDULE:
        schedule_defective(turn, timer, message)
    blame(turn, timer.wf_run_id, message)


def blame(turn: Turn, wf_run_id: str, message: str) -> None:
    """A defect was ruled on: the run it hit ends with a failure that says so (R6)."""
    if turn.rows.peek(WfRun, turn.tenant, wf_run_id) is not None:
        quarantine(load(turn, wf_run_id, 0), message)


def _advance(turn: Turn, timer: Timer) -> None:
    drive(load(turn, timer.wf_run_id, timer.number))


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
    at = load(turn, timer.wf_run_id, int(timer.detail))
    if at.node_run.position == timer.number and at.thread.status in THREAD_LIVE:
        resume_node(at, TimerDue())


_FIRE: Final[dict[TimerKind, Callable[[Turn, Timer], None]]] = {
    TimerKind.ADVANCE: _advance,
    TimerKind.TASK_TIMEOUT: _task_timeout,
    TimerKind.TASK_RETRY: _task_retry,
    TimerKind.NODE: _node,
    TimerKind.SCHEDULE: schedule_due,
}
