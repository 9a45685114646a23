"""How fast runs begin that no request starts: those of schedules, and those that bulk jobs have
begin anew. They go by the tenant's rate of starts, and by that of who is behind them, as requests
do at the edge; but they are not refused, they wait for their turn.

Rules
- A partition holds its share of a rate, by the log's time. A second's worth may start at once. No
  rate is rounded: a turn lies at a millisecond and a fraction of it, in parts of the rate.
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
        row = turn.rows.get(StartPace, turn.tenant, whose_rate)
        row = row or StartPace(turn.tenant, whose_rate)
        parts = min(row.next_parts, rate - 1)  # it may have been another rate's
        turn_at = max((row.next_ms, parts), (now_ms - AT_ONCE_MS, 0))
        row.next_ms, row.next_parts = after_one(turn_at, rate, turn.shard.partitions)
        turn.rows.put(row)
        wait_ms = max(wait_ms, turn_at[0] + (turn_at[1] > 0) - now_ms)
    return wait_ms


def after_one(turn_at: tuple[int, int], rate: int, partitions: int) -> tuple[int, int]:
    """When the turn comes behind one, on each of so many partitions: in milliseconds, and how many
    parts of the next one, of which there are as many as the rate.
    """
    whole, parts = divmod(turn_at[1] + 1_000 * partitions, rate)
    return turn_at[0] + whole, parts


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
