"""Beginning anew: a run in which a node has failed that says so (`begin_anew`) is superseded. It
ends as by a kill, and when its time has come another one takes its place (operators/begin_anew.py).
A retry of the whole run, so errors are not handled while there may be one.
"""

from __future__ import annotations

from typing import Final

from penstock.core.flow.at import At, peek_thread
from penstock.core.flow.family import is_live_below
from penstock.core.flow.kill_deadline import set_kill_deadline
from penstock.core.limits import KILL_DEADLINE_MS_DEFAULT
from penstock.core.state.failures import NOT_ALLOWED, Failure, FailureName
from penstock.core.state.replay_rows import Anew
from penstock.core.state.run import Sweep, SweepVerb, TimerKey, WfRun
from penstock.core.state.timers import Clock, TimerKind, clock_ms, drop_timer, set_timer
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.state.turn import Turn

_ON_PURPOSE: Final = NOT_ALLOWED | {FailureName.TASK_CANCELLED, FailureName.USER_TASK_CANCELLED}
"""What is no reason to begin anew: somebody wanted it, or it would come again and again."""


def attempt_of(run: WfRun) -> int:
    """Which of the runs that replay each other this is; the first is 1."""
    return 1 if run.replay is None else run.replay.attempt


def began_ms(run: WfRun) -> int:
    """When the first of them was started."""
    return run.started_ms if run.replay is None else run.replay.began_ms or run.started_ms


def supersede(at: At, failure: Failure) -> Failure | None:
    """What the failure of the current node is instead, if the run is begun anew for it: then all
    its threads end. A run below another is not, since who waits for it waits for this one.
    """
    run, turn, due_ms = at.run, at.turn, _due_ms(at, failure)
    if due_ms is None:
        return None
    run.anew = Anew(at.thread.number, at.node_run.position, due_ms)
    said = f"{failure.name}: {failure.message}"
    message = f"to be begun anew, since node {at.node_run.node!r} has failed: {said}"[:2_000]
    wait_ms = KILL_DEADLINE_MS_DEFAULT
    deadline = set_kill_deadline(turn, run.wf_run_id, wait_ms)
    run.sweep = Sweep(SweepVerb.KILL, deadline=deadline, message=message)
    _do_next(turn, TimerKind.SWEEP, run.wf_run_id, run.sweep.next)
    if is_live_below(turn, run.wf_run_id):
        _do_next(turn, TimerKind.KILL_BELOW, run.wf_run_id, wait_ms)
    return Failure(FailureName.SUPERSEDED, message)


def end_of(at: At, message: str) -> Failure:
    """With what a thread of a run ends that is being ended: those that stand above the node for
    which the run is begun anew are superseded with it, all others are killed.
    """
    anew, number = at.run.anew, at.thread.number
    above = None if anew is None else anew.thread
    while above is not None and above > number:
        thread = peek_thread(at.turn, at.run.wf_run_id, above)
        above = None if thread is None else thread.parent
    return Failure(FailureName.SUPERSEDED if above == number else FailureName.KILLED, message)


def plan_anew(at: At) -> None:
    """The run has ended: from now on a timer waits for the time at which another one begins, unless
    it has ended otherwise after all.
    """
    run, failure = at.run, at.thread.failure
    if run.anew is None or run.anew.due_ms is None:
        return
    if failure is None or failure.name != FailureName.SUPERSEDED:
        run.anew = None
        return
    kind, due_ms = TimerKind.BEGIN_ANEW, run.anew.due_ms
    set_timer(
        at.turn, kind, run.wf_run_id, clock=Clock.DURATION, due_ms=due_ms, detail="", number=0
    )


def drop_anew(turn: Turn, run: WfRun) -> bool:
    """No other run takes the place of this one, unless it has done so already; False if none was
    to. The run is to be put.
    """
    anew, run.anew = run.anew, None
    if anew is None or anew.due_ms is None:
        return False
    key, kind = TimerKey(Clock.DURATION, anew.due_ms), TimerKind.BEGIN_ANEW
    drop_timer(turn, key, kind, run.wf_run_id, detail="", number=0)
    return True


def _due_ms(at: At, failure: Failure) -> int | None:
    """When, on the DURATION clock, the run is begun anew; None if it is not."""
    policy, run, attempt = at.config.begin_anew, at.run, attempt_of(at.run)
    if policy is None or run.parent is not None or failure.name in _ON_PURPOSE:
        return None
    if run.status not in THREAD_LIVE:  # it has ended, and a thread of it has not been told yet
        return None
    if attempt >= policy.max_attempts:
        return None
    backoff = policy.backoff
    delay_ms = 0 if backoff is None else backoff.delay_ms(attempt, run.wf_run_id, attempt)
    last_ms = None if policy.within_ms is None else began_ms(run) + policy.within_ms
    if last_ms is not None and at.turn.at_ms + delay_ms > last_ms:
        return None
    return clock_ms(at.turn, Clock.DURATION) + delay_ms


def _do_next(turn: Turn, kind: TimerKind, wf_run_id: str, number: int) -> None:
    due_ms = clock_ms(turn, Clock.PENDING)
    set_timer(turn, kind, wf_run_id, clock=Clock.PENDING, due_ms=due_ms, detail="", number=number)
