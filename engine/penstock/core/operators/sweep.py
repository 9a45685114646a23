"""Sweeps: a verb that goes over all threads of a run, a chunk a turn (R3). Meanwhile other runs go
on; the run itself does nothing else.

Half of what is left of the turn's budget is for the sweep, half for the visits that it asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from penstock.core.errors import Reject
from penstock.core.flow.agenda import wake
from penstock.core.flow.at import peek_thread
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.operators import migration
from penstock.core.operators.rescue import reopen_thread, restart_thread
from penstock.core.state.audit import audit_engine
from penstock.core.state.run import Sweep, SweepVerb, WfRun
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, set_timer
from penstock.core.state.transitions import THREAD_FAILED, THREAD_LIVE
from penstock.core.state.turn import Turn

RESTART_BELOW: Final = "RestartBelow"
"""As what the audit of a run keeps that it is restarted with one above it: nobody has told it."""

Tell = Callable[[int], int]
"""Tells a thread, by its number; counts those that are waited for."""


def begin_sweep(turn: Turn, run: WfRun, sweep: Sweep) -> None:
    """Begin to go over all threads of the run."""
    run.sweep = sweep
    turn.rows.put(run)
    sweep_on(turn, run.wf_run_id)


def reopen_all(turn: Turn, wf_run_id: str) -> None:
    """A thread that had ended in EXCEPTION goes on: those that were halted for good with it, and
    with those above that it had taken along, run again.
    """
    begin_sweep(turn, _run(turn, wf_run_id), Sweep(SweepVerb.REOPEN))


def restart_run(turn: Turn, run: WfRun) -> None:
    """Begin to have a run that has failed go on from every node at which it failed."""
    run.restarts += 1
    begin_sweep(turn, run, Sweep(SweepVerb.RESTART))


def sweep_on(turn: Turn, wf_run_id: str) -> None:
    """Tell the next threads, as many as the turn allows."""
    run = _run(turn, wf_run_id)
    sweep = run.sweep
    assert sweep is not None, "somebody has begun it"
    last, told = _tell_chunk(turn, run, sweep)
    run = _run(turn, wf_run_id)
    run.sweep = replace(sweep, next=last, waiting=sweep.waiting + told)
    if sweep.verb is SweepVerb.KILL:
        wake(turn, wf_run_id, ENTRYPOINT_NUMBER)
    if last < run.threads:
        turn.rows.put(run)
        _put_off(turn, TimerKind.SWEEP, wf_run_id, last)
    else:
        _all_told(turn, run, sweep.verb)


def fire_sweep(turn: Turn, timer: Timer) -> None:
    """Go on, unless another sweep has taken the place of the one that set the timer. What a thread
    can not do ends the sweep: its command has been answered.
    """
    sweep = _run(turn, timer.wf_run_id).sweep
    if sweep is None or sweep.next != timer.number:
        return
    try:
        sweep_on(turn, timer.wf_run_id)
    except Reject as rejection:
        run = _run(turn, timer.wf_run_id)
        migration.tell_refused(turn, run, rejection)
        migration.forget_plan(turn, run)
        _end(turn, run)


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


def _tell_chunk(turn: Turn, run: WfRun, sweep: Sweep) -> tuple[int, int]:
    """Tell as many threads as this turn may; where that ends, and what the telling has counted."""
    tell, last, told = _TELL[sweep.verb](turn, run), _take(turn, run, sweep.next), 0
    for number in range(sweep.next, last):
        told += tell(number)
        if turn.nodes_left == 0 or turn.is_full():
            return number + 1, told
    return last, told


def _all_told(turn: Turn, run: WfRun, verb: SweepVerb) -> None:
    """The last thread has been told: what comes then."""
    if verb is SweepVerb.CHECK_MIGRATION:
        begin_carrying(turn, run)
        return
    migration.finish(turn, run)
    if verb is SweepVerb.KILL:
        turn.rows.put(run)
    else:
        _end(turn, run)


def begin_carrying(turn: Turn, run: WfRun) -> None:
    """The plan of a migration can be carried out."""
    run.migrates_to = migration.plan_of(turn, run).new.version
    begin_sweep(turn, run, Sweep(SweepVerb.MIGRATE))


def _end(turn: Turn, run: WfRun) -> None:
    run.sweep = None
    turn.rows.put(run)
    wake_threads(turn, run.wf_run_id, 0)


def _wake_live(turn: Turn, run: WfRun, number: int) -> int:
    """Wake a thread if it lives; counts those beside the entrypoint."""
    thread = peek_thread(turn, run.wf_run_id, number)
    if thread is None or thread.status not in THREAD_LIVE:
        return 0
    wake(turn, run.wf_run_id, number)
    return int(number != ENTRYPOINT_NUMBER)


def _killing(turn: Turn, run: WfRun) -> Tell:
    """A migration that was under way is carried out, so that all threads follow one version."""
    carry = migration.carrying(turn, run)

    def tell(number: int) -> int:
        carry(number)
        return _wake_live(turn, run, number)

    return tell


def _restarting(turn: Turn, run: WfRun) -> Tell:
    carry = migration.carrying(turn, run)

    def tell(number: int) -> int:
        carry(number)
        below = restart_thread(turn, run.wf_run_id, number)
        if below is not None:
            _restart_below(turn, run.wf_run_id, below)
        return 0

    return tell


def _restart_below(turn: Turn, wf_run_id: str, below: str) -> None:
    """Restart a run with the one that waits for it; another verb that goes over it is not
    disturbed.
    """
    run = _run(turn, below)
    if run.sweep is None and run.status in THREAD_FAILED:
        audit_engine(turn, below, RESTART_BELOW, {"wf_run_id": wf_run_id}, turn.bulk_id)
        restart_run(turn, run)


def _reopening(turn: Turn, run: WfRun) -> Tell:
    return _uncounted(lambda number: reopen_thread(turn, run.wf_run_id, number))


def _migrating(turn: Turn, run: WfRun) -> Tell:
    return _uncounted(migration.carrying(turn, run))


def _checking(turn: Turn, run: WfRun) -> Tell:
    return _uncounted(migration.checking(turn, run))


def _uncounted(do: Callable[[int], None]) -> Tell:
    def tell(number: int) -> int:
        do(number)
        return 0

    return tell


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


_TELL: Final[dict[SweepVerb, Callable[[Turn, WfRun], Tell]]] = {
    SweepVerb.KILL: _killing,
    SweepVerb.RESTART: _restarting,
    SweepVerb.REOPEN: _reopening,
    SweepVerb.CHECK_MIGRATION: _checking,
    SweepVerb.MIGRATE: _migrating,
}
"""What tells the threads of a chunk, made once for all of them."""
