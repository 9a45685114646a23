"""What a timer does when it is due: one function a kind. A timer whose subject has gone on
meanwhile does nothing.
"""

from collections.abc import Callable
from typing import Final

from penstock.core.advance.advance import quarantine
from penstock.core.bulk.jobs import forget_job
from penstock.core.bulk_fire import bulk_defective, bulk_due
from penstock.core.events import offers
from penstock.core.flow.agenda import wake
from penstock.core.flow.load import is_there, load
from penstock.core.flow.threads import wake_children
from penstock.core.operators import deletion, kill_run, sweep
from penstock.core.schedule_fire import schedule_defective, schedule_due
from penstock.core.state.run import NodeRun, TimerKey
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.turn import Turn
from penstock.core.tasks import timers as task_timers
from penstock.core.user_tasks.actions import action_due


def fire(turn: Turn, timer: Timer) -> None:
    """Do what the timer is for; its row goes."""
    turn.rows.delete(timer)
    of_no_run = timer.wf_run_id == "" or timer.kind is TimerKind.DELETE_RUN
    if of_no_run or is_there(turn, timer.wf_run_id):
        _FIRE[timer.kind](turn, timer)


def blame_timer(turn: Turn, timer: Timer, message: str, *, leaving: bool) -> None:
    """A defect of a timer was ruled on: what it belongs to ends, or stops, for it (R6)."""
    wf_run_id = timer.wf_run_id
    if timer.kind is TimerKind.SCHEDULE:
        schedule_defective(turn, timer, message)
    elif timer.kind is TimerKind.DELETE_RUN:
        deletion.deletion_defective(turn, timer)
    elif timer.kind is TimerKind.BULK:
        wf_run_id = bulk_defective(turn, timer, message)
    blame(turn, wf_run_id, message, leaving=leaving)


def blame(turn: Turn, wf_run_id: str, message: str, *, leaving: bool) -> None:
    """A defect was ruled on: the run it hit ends with a failure that says so (R6)."""
    if is_there(turn, wf_run_id):
        quarantine(load(turn, wf_run_id, 0), message, leaving=leaving)


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
    TimerKind.BULK: bulk_due,
    TimerKind.FORGET_BULK: forget_job,
    TimerKind.OFFER_EVENT: offers.go_on,
    TimerKind.EXPIRE_EVENT: offers.expire,
    TimerKind.SWEEP: sweep.fire_sweep,
    TimerKind.WAKE_THREADS: sweep.fire_wake_threads,
    TimerKind.KILL_BELOW: kill_run.fire_kill_below,
    TimerKind.KILL_DEADLINE: sweep.fire_deadline,
    TimerKind.RETENTION: deletion.fire_retention,
    TimerKind.DELETE_RUN: deletion.fire_delete,
}
