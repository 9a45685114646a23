"""How long a kill waits for the tasks of a run that have a worker."""

from __future__ import annotations

from msgspec.structs import replace

from penstock.core.state.run import TimerKey, WfRun
from penstock.core.state.timers import Clock, TimerKind, clock_ms, drop_timer, set_timer
from penstock.core.state.turn import Turn


def set_kill_deadline(turn: Turn, wf_run_id: str, deadline_ms: int) -> TimerKey:
    """Begin to wait so long; the caller keeps the timer in the run's sweep."""
    return set_timer(
        turn,
        TimerKind.KILL_DEADLINE,
        wf_run_id,
        clock=Clock.DURATION,
        due_ms=clock_ms(turn, Clock.DURATION) + deadline_ms,
        detail="",
        number=0,
    )


def drop_kill_deadline(turn: Turn, run: WfRun) -> None:
    """The kill has no deadline any more; the run is to be put."""
    sweep = run.sweep
    if sweep is not None and sweep.deadline is not None:
        kind = TimerKind.KILL_DEADLINE
        drop_timer(turn, sweep.deadline, kind, run.wf_run_id, detail="", number=0)
        run.sweep = replace(sweep, deadline=None)
