"""Watchers: threads that wait for variables, and are woken when one changes.

A thread watches its own run, and if its run inherits variables, the runs above, where those are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from penstock.core.flow.agenda import wake
from penstock.core.flow.at import At
from penstock.core.flow.rounds import Round
from penstock.core.state.run import Variable, WfRun
from penstock.core.state.thread_rows import Watcher
from penstock.core.state.timers import TimerKind
from penstock.core.state.turn import Turn


def watch(at: At) -> None:
    """Have the thread woken when a variable changes."""
    for run in _watched(at):
        row = Watcher(at.turn.tenant, run.wf_run_id, at.run.wf_run_id, at.thread.number)
        if not _is_there(at, row):
            at.turn.rows.put(row)
            run.watchers += 1
            _save(at, run)


def unwatch(at: At) -> None:
    """No more."""
    for run in _watched(at):
        row = Watcher(at.turn.tenant, run.wf_run_id, at.run.wf_run_id, at.thread.number)
        if _is_there(at, row):
            at.turn.rows.delete(row)
            run.watchers -= 1
            _save(at, run)


def wake_watchers(at: At, changed: Iterable[Variable]) -> None:
    """Variables have changed: the threads that watch their runs are woken, so many a turn."""
    for wf_run_id in dict.fromkeys(row.wf_run_id for row in changed):
        run: WfRun | None = at.run
        if wf_run_id != at.run.wf_run_id:
            run = at.turn.rows.peek(WfRun, at.turn.tenant, wf_run_id)
        if run is not None and run.watchers:
            WATCHERS.begin(at.turn, wf_run_id)


def _wake(turn: Turn, row: Watcher) -> None:
    wake(turn, row.watcher, row.thread)


WATCHERS = Round(TimerKind.WAKE_WATCHERS, Watcher, _wake, numbered=False)


def _watched(at: At) -> Iterator[WfRun]:
    yield at.run
    entrypoint = at.spec.body.threads[at.spec.body.entrypoint]
    if not any(declared.is_inherited for declared in entrypoint.variables):
        return
    above = at.run.parent
    while above is not None:
        run = at.turn.rows.get(WfRun, at.turn.tenant, above)
        if run is None:
            return
        yield run
        above = run.parent


def _is_there(at: At, row: Watcher) -> bool:
    key = (row.tenant, row.wf_run_id, row.watcher, row.thread)
    return at.turn.rows.peek(Watcher, *key) is not None


def _save(at: At, run: WfRun) -> None:
    if run is not at.run:  # which is saved with the thread
        at.turn.rows.put(run)
