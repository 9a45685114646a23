"""Retention: a run that has ended is deleted when its spec says so, unless it goes on before."""

from __future__ import annotations

from penstock.core.flow.at import At
from penstock.core.state.timers import Clock, TimerKind, clock_ms, drop_timer, set_timer


def set_retention(at: At) -> None:
    """The run has ended: plan its deletion. A child run is deleted with its root."""
    retention = at.spec.body.retention
    if at.run.parent is not None or retention is None or retention.after_termination_s is None:
        return
    due_ms = clock_ms(at.turn, Clock.DURATION) + retention.after_termination_s * 1_000
    at.run.retention = set_timer(
        at.turn,
        TimerKind.RETENTION,
        at.run.wf_run_id,
        clock=Clock.DURATION,
        due_ms=due_ms,
        detail="",
        number=0,
    )


def drop_retention(at: At) -> None:
    """The run goes on: it is not deleted."""
    if at.run.retention is not None:
        kind, run_id = TimerKind.RETENTION, at.run.wf_run_id
        drop_timer(at.turn, at.run.retention, kind, run_id, detail="", number=0)
        at.run.retention = None
