"""What a timer does when it is due: one function a kind. A timer whose subject has gone on
meanwhile does nothing.
"""

from collections.abc import Callable
from typing import Any, Final

from penstock.core.advance.advance import quarantine
from penstock.core.bulk.jobs import forget_job
from penstock.core.bulk_fire import bulk_defective, bulk_due
from penstock.core.events import offers, placing
from penstock.core.flow.agenda import wake
from penstock.core.flow.load import is_there, load
from penstock.core.flow.recalls import BELOW, FAILED_WITH, RECALLING
from penstock.core.flow.rounds import Round, forget_round
from penstock.core.flow.threads import CHILDREN
from penstock.core.flow.unclaimed import expire_unclaimed
from penstock.core.flow.waiters import TELLING, TELLING_OF_RUN
from penstock.core.flow.waits import GIVING_BACK
from penstock.core.flow.watchers import WATCHERS
from penstock.core.operators import (
    begin_anew,
    deletion,
    kill_run,
    rescue,
    sweep,
    thread_retention,
)
from penstock.core.places import places
from penstock.core.schedule_fire import schedule_defective, schedule_due
from penstock.core.starts.starts import starts_due
from penstock.core.state.run import NodeRun, TimerKey
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.turn import Turn
from penstock.core.tasks import breakers
from penstock.core.tasks import timers as task_timers
from penstock.core.user_tasks.actions import action_due


def fire(turn: Turn, timer: Timer) -> None:
    """Do what the timer is for; its row goes."""
    turn.rows.delete(timer)
    of_no_run = timer.wf_run_id == "" or timer.kind in _WITHOUT_RUN
    if of_no_run or is_there(turn, timer.wf_run_id):
        _FIRE[timer.kind](turn, timer)


def blame_timer(turn: Turn, timer: Timer, message: str, *, leaving: bool) -> None:
    """A defect of a timer was ruled on: what it belongs to ends, or stops, for it (R6). The timer
    is gone, so a thread that it was for, and that an operator has go on, must not wait for it.
    """
    wf_run_id = timer.wf_run_id
    if timer.kind is TimerKind.SCHEDULE:
        schedule_defective(turn, timer, message)
    elif timer.kind is TimerKind.DELETE_RUN:
        deletion.deletion_defective(turn, timer)
    elif timer.kind is TimerKind.BULK:
        wf_run_id = bulk_defective(turn, timer, message)
    elif timer.kind is TimerKind.NODE:
        _time_is_over(turn, timer)
    elif timer.kind is TimerKind.PLACE_EVENT:
        placing.pass_over(turn, timer)
    elif timer.kind in _ROUNDS:
        forget_round(turn, timer)
    blame(turn, wf_run_id, message, leaving=leaving)


def blame(turn: Turn, wf_run_id: str, message: str, *, leaving: bool) -> None:
    """A defect was ruled on: the run it hit ends with a failure that says so (R6)."""
    if is_there(turn, wf_run_id):
        quarantine(load(turn, wf_run_id, 0), message, leaving=leaving)


def _advance(turn: Turn, timer: Timer) -> None:
    wake(turn, timer.wf_run_id, timer.number)


def _node(turn: Turn, timer: Timer) -> None:
    if _time_is_over(turn, timer):
        wake(turn, timer.wf_run_id, int(timer.detail))


def _time_is_over(turn: Turn, timer: Timer) -> bool:
    """A node waits for its timer no more; False if it has not waited for this one."""
    place = (turn.tenant, timer.wf_run_id, int(timer.detail), timer.number)
    node_run = turn.rows.get(NodeRun, *place)
    if node_run is None or node_run.timer != TimerKey(timer.clock, timer.due_ms):
        return False
    node_run.timer = None
    turn.rows.put(node_run)
    return True


_WITHOUT_RUN: Final = frozenset({TimerKind.DELETE_RUN, TimerKind.EXPIRE_UNCLAIMED})
"""What is done though the run is not there any more, or not yet."""

_ROUNDS: Final[dict[TimerKind, Round[Any]]] = {
    round_.timer: round_
    for round_ in (
        *(CHILDREN, WATCHERS, TELLING, TELLING_OF_RUN, GIVING_BACK),
        *(RECALLING, BELOW, FAILED_WITH),
    )
}

_FIRE: Final[dict[TimerKind, Callable[[Turn, Timer], None]]] = {
    TimerKind.ADVANCE: _advance,
    **{kind: round_.go_on for kind, round_ in _ROUNDS.items()},
    TimerKind.RESCUE_WAITER: rescue.fire_rescue_waiter,
    TimerKind.PLACE_EVENT: placing.go_on,
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
    TimerKind.EXPIRE_UNCLAIMED: expire_unclaimed,
    TimerKind.SWEEP: sweep.fire_sweep,
    TimerKind.WAKE_THREADS: sweep.fire_wake_threads,
    TimerKind.KILL_BELOW: kill_run.fire_kill_below,
    TimerKind.KILL_DEADLINE: sweep.fire_deadline,
    TimerKind.BEGIN_ANEW: begin_anew.fire_begin_anew,
    TimerKind.START_RUNS: starts_due,
    TimerKind.RETENTION: deletion.fire_retention,
    TimerKind.DELETE_RUN: deletion.fire_delete,
    TimerKind.FORGET_RUN: deletion.fire_forget,
    TimerKind.THREAD_RETENTION: thread_retention.fire_thread_retention,
    TimerKind.DELETE_THREAD: thread_retention.fire_delete_thread,
    TimerKind.LIMIT: places.limit_due,
    TimerKind.BREAKER: breakers.breaker_due,
}
