"""Retention: a run, or a thread of it, that has ended is deleted when the spec says so, unless it
goes on before.
"""

from __future__ import annotations

from penstock.core.flow.at import At
from penstock.core.state.run import ThreadRun
from penstock.core.state.timers import Clock, TimerKind, clock_ms, drop_timer, set_timer
from penstock.core.state.turn import Turn


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


def plan_thread_deletion(at: At) -> None:
    """A thread has ended that is not to be kept as long as its run."""
    retention = at.thread_spec.retention
    if retention is not None and retention.after_termination_s is not None:
        set_thread_retention(at.turn, at.thread, retention.after_termination_s * 1_000)


def set_thread_retention(turn: Turn, thread: ThreadRun, delay_ms: int) -> None:
    """Have what the thread leaves looked at after a time; the caller saves it."""
    thread.retention = set_timer(
        turn,
        TimerKind.THREAD_RETENTION,
        thread.wf_run_id,
        clock=Clock.DURATION,
        due_ms=clock_ms(turn, Clock.DURATION) + delay_ms,
        detail="",
        number=thread.number,
    )


def drop_thread_retention(turn: Turn, thread: ThreadRun) -> None:
    """The thread goes on, or its run is deleted."""
    if thread.retention is not None:
        kind, run_id = TimerKind.THREAD_RETENTION, thread.wf_run_id
        drop_timer(turn, thread.retention, kind, run_id, detail="", number=thread.number)
        thread.retention = None
