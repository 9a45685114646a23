"""Families: how many runs below a root have not ended, since they would be deleted with it."""

from __future__ import annotations

from penstock.core.ids import root_of
from penstock.core.state.run import WfRun
from penstock.core.state.thread_rows import LiveBelow
from penstock.core.state.turn import Turn


def count_live(turn: Turn, run: WfRun, change: int) -> None:
    """A run lives from now on (1), or does no more (-1); a root is not counted."""
    if run.parent is None:
        return
    root = root_of(run.wf_run_id)
    family = turn.rows.get(LiveBelow, turn.tenant, root) or LiveBelow(turn.tenant, root)
    family.runs += change
    turn.rows.put(family)


def is_live_below(turn: Turn, root: str) -> bool:
    """Whether a run below this root has not ended."""
    family = turn.rows.peek(LiveBelow, turn.tenant, root)
    return family is not None and family.runs > 0
