"""What a timer does when it is due: one function a kind. A timer whose subject has gone on
meanwhile does nothing.
"""

from collections.abc import Callable
from typing import Final

from penstock.core import task_timers
from penstock.core.advance import drive, quarantine, resume_node
from penstock.core.load import load
from penstock.core.nodes.base import TimerDue
from penstock.core.run import WfRun
from penstock.core.timers import Timer, TimerKind
from penstock.core.transitions import THREAD_LIVE
from penstock.core.turn import Turn


def fire(turn: Turn, timer: Timer) -> None:
    """Do what the timer is for; its row goes."""
    turn.rows.delete(timer)
    if turn.rows.peek(WfRun, turn.tenant, timer.wf_run_id) is not None:
        _FIRE[timer.kind](turn, timer)


def blame(turn: Turn, wf_run_id: str, message: str) -> None:
    """A defect was ruled on: the run it hit ends with a failure that says so (R6)."""
    if turn.rows.peek(WfRun, turn.tenant, wf_run_id) is not None:
        quarantine(load(turn, wf_run_id, 0), message)


def _advance(turn: Turn, timer: Timer) -> None:
    drive(load(turn, timer.wf_run_id, timer.number))


def _node(turn: Turn, timer: Timer) -> None:
    at = load(turn, timer.wf_run_id, int(timer.detail))
    if at.node_run.position == timer.number and at.thread.status in THREAD_LIVE:
        resume_node(at, TimerDue())


_FIRE: Final[dict[TimerKind, Callable[[Turn, Timer], None]]] = {
    TimerKind.ADVANCE: _advance,
    TimerKind.TASK_TIMEOUT: task_timers.timeout_due,
    TimerKind.TASK_RETRY: task_timers.retry_due,
    TimerKind.TASK_STOP: task_timers.stop_due,
    TimerKind.NODE: _node,
}
