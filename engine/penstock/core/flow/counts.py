"""How many runs of a tenant are live on a partition, and whether there is room for another one;
and what becomes of runs, counted by their WfSpec (see state/windows.py).

A tenant's quota is shared out evenly among the partitions, rounded up, as runs are by their ids: to
count them all in one place would cost a message there and back with each start.
"""

from __future__ import annotations

from typing import Final

from penstock.core.definitions.tenants import quota_of
from penstock.core.errors import Code, refuse
from penstock.core.state.partition_state import LiveRuns
from penstock.core.state.run import WfRun
from penstock.core.state.transitions import ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.state.windows import Measured, RunCount, count

_RUNS: Final = Measured.WF_SPEC.value
_STARTED: Final = {RunCount.STARTED.value: 0}
_RESTARTED: Final = {RunCount.RESTARTED.value: 0}
_ERROR: Final = RunCount.ERROR.value
_ENDS: Final = {
    ThreadStatus.COMPLETED: RunCount.COMPLETED.value,
    ThreadStatus.EXCEPTION: RunCount.EXCEPTION.value,
}


def count_start(turn: Turn, run: WfRun) -> None:
    """A run has begun."""
    _count_live(turn, 1)
    count(turn, _RUNS, run.wf_spec, _STARTED)


def count_run(turn: Turn, run: WfRun, change: int) -> None:
    """A run lives again (1), or has come to its status, in which it does no more (-1)."""
    _count_live(turn, change)
    if change > 0:
        count(turn, _RUNS, run.wf_spec, _RESTARTED)
        return
    took_ms = max(0, turn.at_ms - run.started_ms)
    count(turn, _RUNS, run.wf_spec, {_ENDS.get(run.status, _ERROR): took_ms})


def _count_live(turn: Turn, change: int) -> None:
    row = turn.rows.get(LiveRuns, turn.tenant) or LiveRuns(turn.tenant)
    row.runs += change
    if row.runs:
        turn.rows.put(row)
    else:
        turn.rows.delete(row)


def check_room(turn: Turn) -> None:
    """Refuse a start that comes from outside while the tenant has as many live runs as it may. What
    its runs start themselves is not refused: they could not go on.
    """
    most = quota_of(turn.rows, turn.tenant).live_runs
    if most is None:
        return
    share = -(-most // turn.shard.partitions)
    row = turn.rows.peek(LiveRuns, turn.tenant)
    live = 0 if row is None else row.runs
    if live >= share:
        refuse(
            Code.QUOTA_EXCEEDED,
            f"tenant {turn.tenant!r} has {live} live runs on this partition, of {most} on all"
            f" {turn.shard.partitions}: try again when some have ended, or raise `live_runs`",
        )
