"""Families: how many runs below a root have not ended, since they would be deleted with it, and how
many there may be.
"""

from __future__ import annotations

from penstock.core.ids import root_of
from penstock.core.limits import FAMILY_DEPTH_MAX, FAMILY_RUNS_MAX
from penstock.core.state.run import WfRun
from penstock.core.state.thread_rows import LiveBelow
from penstock.core.state.turn import Turn


def count_live(turn: Turn, run: WfRun, change: int) -> None:
    """A run lives from now on (1), or does no more (-1); a root is not counted."""
    if run.parent is None:
        return
    family = _family(turn, root_of(run.wf_run_id))
    family.runs += change
    turn.rows.put(family)


def count_started(turn: Turn, run: WfRun) -> None:
    """A run has come below another one, and lives."""
    family = _family(turn, root_of(run.wf_run_id))
    family.runs += 1
    family.started += 1
    turn.rows.put(family)


def no_room_below(turn: Turn, parent: str) -> str | None:
    """Why no run can be started below this one; None if one can."""
    if parent.count(".") >= FAMILY_DEPTH_MAX:
        return f"runs may stand {FAMILY_DEPTH_MAX} deep below each other"
    if _family(turn, root_of(parent)).started >= FAMILY_RUNS_MAX:
        return f"{FAMILY_RUNS_MAX} runs have been started below {root_of(parent)!r}: the limit"
    return None


def is_live_below(turn: Turn, root: str) -> bool:
    """Whether a run below this root has not ended."""
    family = turn.rows.peek(LiveBelow, turn.tenant, root)
    return family is not None and family.runs > 0


def _family(turn: Turn, root: str) -> LiveBelow:
    return turn.rows.get(LiveBelow, turn.tenant, root) or LiveBelow(turn.tenant, root)
