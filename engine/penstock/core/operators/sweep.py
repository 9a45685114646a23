"""Sweeps: a verb that goes over all threads of a run, a chunk a turn (R3). Meanwhile other runs go
on; the run itself does nothing else.

Half of what is left of the turn's budget is for the sweep, half for the visits that it asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from penstock.core.flow.agenda import wake
from penstock.core.flow.at import peek_thread
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.operators.rescue import restart_thread
from penstock.core.state.run import Sweep, SweepVerb, WfRun
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, set_timer
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.state.turn import Turn


def begin_sweep(turn: Turn, run: WfRun, sweep: Sweep) -> None:
    """Begin to go over all threads of the run."""
    run.sweep = sweep
    turn.rows.put(run)
    sweep_on(turn, run.wf_run_id)


def sweep_on(turn: Turn, wf_run_id: str) -> None:
    """Tell the next threads, as many as the turn allows."""
    run = _run(turn, wf_run_id)
    sweep = run.sweep
    assert sweep is not None, "somebody has begun it"
    last = _take(turn, run, sweep.next)
    told = sum(_TELL[sweep.verb](turn, run, number) for number in range(sweep.next, last))
    run = _run(turn, wf_run_id)
    if sweep.verb is SweepVerb.KILL:
        run.sweep = replace(sweep, next=last, waiting=sweep.waiting + told)
        wake(turn, wf_run_id, ENTRYPOINT_NUMBER)
    elif last < run.threads:
        run.sweep = replace(sweep, next=last)
    else:
        run.sweep = None
    turn.rows.put(run)
    if last < run.threads:
        _put_off(turn, TimerKind.SWEEP, wf_run_id, last)
    elif run.sweep is None:
        wake_threads(turn, wf_run_id, 0)


def fire_sweep(turn: Turn, timer: Timer) -> None:
    """Go on, unless another sweep has taken the place of the one that set the timer."""
    sweep = _run(turn, timer.wf_run_id).sweep
    if sweep is not None and sweep.next == timer.number:
        sweep_on(turn, timer.wf_run_id)


def fire_deadline(turn: Turn, timer: Timer) -> None:
    """Tasks are waited for no longer: threads that do are woken, and see it."""
    run = _run(turn, timer.wf_run_id)
    if run.sweep is not None:
        run.sweep = replace(run.sweep, forced=True, deadline=None)
        turn.rows.put(run)
        wake_threads(turn, timer.wf_run_id, 0)


def fire_wake_threads(turn: Turn, timer: Timer) -> None:
    """Go on waking."""
    wake_threads(turn, timer.wf_run_id, timer.number)


def wake_threads(turn: Turn, wf_run_id: str, first: int) -> None:
    """Wake all threads of a run that have not ended, from a number on."""
    run = _run(turn, wf_run_id)
    last = _take(turn, run, first)
    for number in range(first, last):
        _wake_live(turn, run, number)
    if last < run.threads:
        _put_off(turn, TimerKind.WAKE_THREADS, wf_run_id, last)


def _wake_live(turn: Turn, run: WfRun, number: int) -> int:
    """Wake a thread if it lives; counts those beside the entrypoint."""
    thread = peek_thread(turn, run.wf_run_id, number)
    if thread is None or thread.status not in THREAD_LIVE:
        return 0
    wake(turn, run.wf_run_id, number)
    return int(number != ENTRYPOINT_NUMBER)


def _restart(turn: Turn, run: WfRun, number: int) -> int:
    restart_thread(turn, run.wf_run_id, number)
    return 0


def _take(turn: Turn, run: WfRun, first: int) -> int:
    """Where this turn's chunk ends; it is paid for."""
    last = min(run.threads, first + max(1, turn.nodes_left // 2))
    turn.nodes_left -= min(turn.nodes_left, last - first)
    return last


def _put_off(turn: Turn, kind: TimerKind, wf_run_id: str, number: int) -> None:
    due_ms = clock_ms(turn, Clock.PENDING)
    set_timer(turn, kind, wf_run_id, clock=Clock.PENDING, due_ms=due_ms, detail="", number=number)


def _run(turn: Turn, wf_run_id: str) -> WfRun:
    run = turn.rows.get(WfRun, turn.tenant, wf_run_id)
    assert run is not None, "a sweep goes over a run that is there"
    return run


_TELL: Final[dict[SweepVerb, Callable[[Turn, WfRun, int], int]]] = {
    SweepVerb.KILL: _wake_live,
    SweepVerb.RESTART: _restart,
}
