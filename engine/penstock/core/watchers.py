"""Watchers: threads that wait for variables, and are woken when one changes."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.core.agenda import wake
from penstock.core.at import At
from penstock.core.run import Variable, WfRun
from penstock.core.thread_rows import Watcher


def watch(at: At) -> None:
    """Have the thread woken when a variable changes."""
    rows, row = at.turn.rows, _row(at)
    if rows.peek(Watcher, row.tenant, row.wf_run_id, row.watcher, row.thread) is None:
        rows.put(row)
        at.run.watchers += 1


def unwatch(at: At) -> None:
    """No more."""
    rows, row = at.turn.rows, _row(at)
    if rows.peek(Watcher, row.tenant, row.wf_run_id, row.watcher, row.thread) is not None:
        rows.delete(row)
        at.run.watchers -= 1


def wake_watchers(at: At, changed: Iterable[Variable]) -> None:
    """Variables have changed."""
    for wf_run_id in dict.fromkeys(row.wf_run_id for row in changed):
        run = at.run
        if wf_run_id != run.wf_run_id:
            found = at.turn.rows.peek(WfRun, at.turn.tenant, wf_run_id)
            assert found is not None, "a variable belongs to a run"
            run = found
        if run.watchers:
            for row in at.turn.rows.scan(Watcher, at.turn.tenant, wf_run_id):
                wake(at.turn, row.watcher, row.thread)


def _row(at: At) -> Watcher:
    run_id = at.run.wf_run_id
    return Watcher(at.turn.tenant, run_id, run_id, at.thread.number)
