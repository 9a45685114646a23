"""Killing a run as a whole, and the runs below it: who is told, and how long tasks are waited for.
What a kill does to a thread stands in kill.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from penstock.core.flow.kill_deadline import drop_kill_deadline, set_kill_deadline
from penstock.core.operators.migration import forget_plan
from penstock.core.operators.sweep import begin_sweep, wake_threads
from penstock.core.state.audit import audit_engine
from penstock.core.state.keys import run_id_of, run_prefix
from penstock.core.state.run import Sweep, SweepVerb, WfRun
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, set_timer
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.state.turn import Turn

VERB: Final = "KillBelow"
"""As what the audit of a run keeps that it is killed with one above it: nobody has told it."""


def kill(turn: Turn, run: WfRun, *, message: str, deadline_ms: int) -> None:
    """Kill one run that lives; one that is being killed gets the new deadline."""
    known, forced = run.sweep, deadline_ms == 0
    drop_kill_deadline(turn, run)
    if known is not None and known.verb is SweepVerb.CHECK_MIGRATION:
        forget_plan(turn, run)
    deadline = None if forced else set_kill_deadline(turn, run.wf_run_id, deadline_ms)
    if known is None or known.verb is not SweepVerb.KILL:
        sweep = Sweep(SweepVerb.KILL, forced=forced, deadline=deadline, message=message)
        begin_sweep(turn, run, sweep)
        return
    if run.anew is not None:  # it was superseded; now it is killed
        run.anew, known = None, replace(known, message=message)
    run.sweep = replace(known, forced=forced, deadline=deadline)
    turn.rows.put(run)
    if forced:
        wake_threads(turn, run.wf_run_id, 0)


def kill_below(turn: Turn, wf_run_id: str, deadline_ms: int, after: str = "") -> None:
    """Kill the runs below one, whatever has become of it, so many a turn (R3)."""
    last = after or wf_run_id
    for run_id in _runs_below(turn, wf_run_id, last):
        if turn.nodes_left == 0:
            set_timer(
                turn,
                TimerKind.KILL_BELOW,
                wf_run_id,
                clock=Clock.PENDING,
                due_ms=clock_ms(turn, Clock.PENDING),
                detail=last,
                number=deadline_ms,
            )
            return
        turn.nodes_left -= 1
        run = turn.rows.get(WfRun, turn.tenant, run_id)
        if run is not None and run.status in THREAD_LIVE:
            message = f"killed with WfRun {wf_run_id!r}"
            kill(turn, run, message=message, deadline_ms=deadline_ms)
            audit_engine(turn, run_id, VERB, {"wf_run_id": wf_run_id}, turn.bulk_id)
        last = run_id


def fire_kill_below(turn: Turn, timer: Timer) -> None:
    """Go on with the next ones."""
    kill_below(turn, timer.wf_run_id, timer.number, timer.detail)


def _runs_below(turn: Turn, wf_run_id: str, last: str) -> Iterator[str]:
    """Ids of the runs of the family below a run, behind `last`; the rows of each are skipped."""
    while True:
        behind = run_prefix(turn.tenant, last) + b"\xff"
        key = next(turn.rows.keys_of_run(turn.tenant, wf_run_id, behind), None)
        if key is None:
            return
        last = run_id_of(key)
        yield last
