"""How many runs are live on a partition, of a tenant and of a principal in it, and whether there is
room for another one; and what becomes of runs, counted by their WfSpec (see state/windows.py).

Rules
- A quota is shared out evenly among the partitions, rounded up, as runs are by their ids: to count
  them all in one place would cost a message there and back with each start.
- A run counts for its tenant always. For a principal it counts if there was a quota of his live
  runs when he started it, and so do the runs below it and its replays: who has none costs nothing.
"""

from __future__ import annotations

from typing import Final

from penstock.core.definitions.quotas import ALL_OF_IT, quota_of, whose
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
    _count_live(turn, run, 1)
    count(turn, _RUNS, run.wf_spec, _STARTED)


def count_run(turn: Turn, run: WfRun, change: int) -> None:
    """A run lives again (1), or has come to its status, in which it does no more (-1)."""
    _count_live(turn, run, change)
    if change > 0:
        count(turn, _RUNS, run.wf_spec, _RESTARTED)
        return
    took_ms = max(0, turn.at_ms - run.started_ms)
    count(turn, _RUNS, run.wf_spec, {_ENDS.get(run.status, _ERROR): took_ms})


def _count_live(turn: Turn, run: WfRun, change: int) -> None:
    _change(turn, ALL_OF_IT, change)
    if run.charged_to:
        _change(turn, run.charged_to, change)


def _change(turn: Turn, principal: str, change: int) -> None:
    row = turn.rows.get(LiveRuns, turn.tenant, principal) or LiveRuns(turn.tenant, principal)
    row.runs += change
    if row.runs:
        turn.rows.put(row)
    else:
        turn.rows.delete(row)


def check_room(turn: Turn) -> str:
    """Refuse a start that comes from outside while the tenant, or who sends it, has as many live
    runs as may be; gives for whose quota it will count besides the tenant's. What its runs start
    themselves is not refused: they could not go on.
    """
    _check_share(turn, ALL_OF_IT)
    if turn.principal and _check_share(turn, turn.principal):
        return turn.principal
    return ""


def _check_share(turn: Turn, principal: str) -> bool:
    """Whether there is a bound at all; refuses what is beyond it."""
    quota = quota_of(turn.rows, turn.tenant, principal)
    if quota is None or quota.live_runs is None:
        return False
    most, partitions = quota.live_runs, turn.shard.partitions
    row = turn.rows.peek(LiveRuns, turn.tenant, principal)
    live = 0 if row is None else row.runs
    if live >= -(-most // partitions):
        refuse(
            Code.QUOTA_EXCEEDED,
            f"{whose(turn.tenant, principal)} has {live} live runs on this partition, of {most} on"
            f" all {partitions}: try again when some have ended, or raise `live_runs`",
        )
    return True
