"""What a timer does when it is due: one function a kind. A timer whose subject has gone on
meanwhile does nothing.
"""

from collections.abc import Callable
from typing import Final

from penstock.core import offers, task_timers
from penstock.core.advance import quarantine
from penstock.core.agenda import wake
from penstock.core.load import load
from penstock.core.run import NodeRun, TimerKey, WfRun
from penstock.core.schedule_fire import schedule_defective, schedule_due
from penstock.core.threads import wake_children
from penstock.core.timers import Timer, TimerKind
from penstock.core.turn import Turn
from penstock.core.user_task_actions import action_due


def fire(turn: Turn, timer: Timer) -> None:
    """Do what the timer is for; its row goes."""
    turn.rows.delete(timer)
    of_no_run = timer.wf_run_id == ""
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
    wake(turn, timer.wf_run_id, timer.number)


def _wake_children(turn: Turn, timer: Timer) -> None:
    wake_children(turn, timer.wf_run_id, int(timer.detail), timer.number)


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
    TimerKind.TASK_TIMEOUT: task_timers.timeout_due,
    TimerKind.TASK_RETRY: task_timers.retry_due,
    TimerKind.TASK_STOP: task_timers.stop_due,
    TimerKind.NODE: _node,
    TimerKind.USER_TASK: action_due,
    TimerKind.SCHEDULE: schedule_due,
    TimerKind.OFFER_EVENT: offers.go_on,
    TimerKind.EXPIRE_EVENT: offers.expire,
}
