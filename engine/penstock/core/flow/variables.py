"""Variables get new values, and keep those that they had, as OldVariable rows, so that the run can
be replayed from any of its nodes: a variable that is never changed costs
nothing, and one that no node has seen is not kept.

A run keeps so many bytes of them. Beyond, old values are lost, but for those of the start; a replay
that would need a lost one is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.core.definitions.wf_spec import VariableDef
from penstock.core.flow.at import At
from penstock.core.flow.search_index import index_variable, is_indexed
from penstock.core.flow.watchers import wake_watchers
from penstock.core.limits import OLD_VALUE_ROW_BYTES, OLD_VALUES_BYTES_MAX
from penstock.core.state.replay_rows import OldVariable
from penstock.core.state.run import Variable, WfRun
from penstock.core.values.value import value_bytes


@dataclass(frozen=True, slots=True)
class Change:
    """A variable before, if there was a row of it, and after; and how it is declared."""

    before: Variable | None
    after: Variable
    declared: VariableDef


def write_variables(at: At, changes: Sequence[Change]) -> None:
    """Write variables, and wake who waits for them. The caller saves the run at hand."""
    for change in changes:
        after = change.after
        run = _run_of(at, after)
        _keep(run, change, at)
        after.since = run.steps + 1
        if run is not at.run:
            at.turn.rows.put(run)
        at.turn.rows.put(after)
        _index(at, change)
    wake_watchers(at, [change.after for change in changes])


def _run_of(at: At, row: Variable) -> WfRun:
    """The run that has the variable: this one, or one above from which it is inherited."""
    if row.wf_run_id == at.run.wf_run_id:
        return at.run
    run = at.turn.rows.get(WfRun, row.tenant, row.wf_run_id)
    assert run is not None, "a variable is a run's"
    return run


def _index(at: At, change: Change) -> None:
    """Have the run found by the new value, if runs are found by this variable."""
    if is_indexed(change.declared):
        wf_spec = _run_of(at, change.after).wf_spec
        index_variable(at.turn, wf_spec, change.declared, change.after)


def _keep(run: WfRun, change: Change, at: At) -> None:
    """Keep the value before, if a node may have seen it, and the run may be replayed."""
    if run.parent is not None:
        return
    before, after = change.before, change.after
    value, since = (None, 0) if before is None else (before.value, before.since)
    masked = before is not None and before.masked
    if since > run.steps:
        return
    size = value_bytes(value) + OLD_VALUE_ROW_BYTES
    if since and run.old_bytes + size > OLD_VALUES_BYTES_MAX:
        return
    run.old_bytes += size
    at.turn.rows.put(
        OldVariable(
            after.tenant,
            after.wf_run_id,
            after.thread,
            after.name,
            run.steps,
            since,
            value,
            masked,
        )
    )
