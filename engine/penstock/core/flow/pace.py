"""How fast runs begin that no request starts: those of schedules, and those that bulk jobs have
begin anew. They go by the tenant's rate of starts, and by that of who is behind them, as requests
do at the edge; but they are not refused, they wait for their turn.

Rules
- A partition holds its share of a rate, by the log's time. A second's worth may start at once.
- What has been given a turn has it: it is not asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock.core.definitions.quotas import ALL_OF_IT, quota_of, whose
from penstock.core.errors import Code, refuse
from penstock.core.state.partition_state import StartPace
from penstock.core.state.timers import Clock, clock_ms
from penstock.core.state.turn import Turn

AT_ONCE_MS: Final = 1_000


def next_turn_ms(turn: Turn, principal: str) -> int:
    """Take the next turn for a start; how long it is until then. Refuses, if there never is one."""
    now_ms = clock_ms(turn, Clock.DURATION)
    wait_ms = 0
    for whose_rate, rate in list(_rates(turn, principal)):
        interval_ms = -(-1_000 * turn.shard.partitions // rate)
        row = turn.rows.get(StartPace, turn.tenant, whose_rate)
        row = row or StartPace(turn.tenant, whose_rate)
        turn_ms = max(row.next_ms, now_ms - AT_ONCE_MS)
        row.next_ms = turn_ms + interval_ms
        turn.rows.put(row)
        wait_ms = max(wait_ms, turn_ms - now_ms)
    return wait_ms


def check_pace(turn: Turn, principal: str) -> None:
    """Refuse a start that would wait for ever."""
    for _ in _rates(turn, principal):
        pass


def _rates(turn: Turn, principal: str) -> Iterator[tuple[str, int]]:
    """The bounds that hold, and whose they are."""
    for one in (ALL_OF_IT, principal) if principal else (ALL_OF_IT,):
        quota = quota_of(turn.rows, turn.tenant, one)
        if quota is not None and quota.runs_per_second is not None:
            if quota.runs_per_second == 0:
                what = f"{whose(turn.tenant, one)} may start no runs"
                refuse(Code.QUOTA_EXCEEDED, f"{what}: have `runs_per_second` raised")
            yield one, quota.runs_per_second
