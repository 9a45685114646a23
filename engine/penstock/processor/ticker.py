"""The ticker: appends a Tick when something is due, outside of the fold (R2).

It looks at a partition's state after each batch: the earliest due time of each clock. It knows the
broker's clock by its offset from ours, learned from the times of records as they come. Either clock
may be set back; so the time that has passed here since a partition's last record counts as well,
whichever says more: a Tick too early costs itself, and teaches what the time is. Ticks are
level-triggered, one under way at a time and partition; while liveness timers exist there is one
every half minute, whatever the other traffic.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from penstock.core.limits import AWAKE_BETWEEN_TICKS_MS_MAX
from penstock.core.state.partition_state import NEVER_MS, PartitionState
from penstock.core.state.timers import Clock

LIVENESS_TICK_MS: Final = AWAKE_BETWEEN_TICKS_MS_MAX // 2
UNDER_WAY_S_MAX: Final = 1.0


@dataclass(slots=True)
class _Ticks:
    """Of one partition: when the last Tick was appended, and whether it has come back; and when its
    last record came.
    """

    came_s: float
    under_way_since_s: float | None = None
    last_s: float = 0.0


class Ticker:
    """Says when which partition wants a Tick."""

    def __init__(self) -> None:
        self._ticks: dict[int, _Ticks] = {}
        self._offset_ms = 0.0

    def saw(self, number: int, append_ms: int) -> None:
        """A record came that the broker stamped with this time: its clock is that far at least."""
        self._of(number).came_s = time.monotonic()
        self._offset_ms = max(self._offset_ms, append_ms - time.time() * 1_000)

    def due_in_s(self, number: int, state: PartitionState) -> float | None:
        """Seconds until the partition wants a Tick (0: now); None if nothing will be due."""
        ticks, now_s = self._of(number), time.monotonic()
        remaining_ms = self._remaining_ms(state, now_s - ticks.came_s)
        if remaining_ms is None:
            return None
        if ticks.under_way_since_s is not None:
            return max(0.0, ticks.under_way_since_s + UNDER_WAY_S_MAX - now_s)
        due_s = remaining_ms / 1_000
        if state.next_due_ms[Clock.AWAKE] != NEVER_MS:
            due_s = min(due_s, ticks.last_s + LIVENESS_TICK_MS / 1_000 - now_s)
        return max(0.0, due_s)

    def sent(self, number: int) -> None:
        """A Tick was appended."""
        ticks = self._of(number)
        ticks.under_way_since_s = ticks.last_s = time.monotonic()

    def came(self, number: int, append_ms: int) -> None:
        """A Tick was folded. The broker stamped it on its way: so its clock is known, even if it
        has jumped back."""
        ticks = self._ticks.get(number)
        if ticks is None or ticks.under_way_since_s is None:
            return
        way_ms = (time.monotonic() - ticks.under_way_since_s) * 1_000
        self._offset_ms = append_ms - (time.time() * 1_000 - way_ms / 2)
        ticks.under_way_since_s = None

    def forget(self, number: int) -> None:
        """The partition is not ours any more."""
        self._ticks.pop(number, None)

    def _of(self, number: int) -> _Ticks:
        ticks = self._ticks.get(number)
        if ticks is None:
            ticks = self._ticks[number] = _Ticks(came_s=time.monotonic())
        return ticks

    def _remaining_ms(self, state: PartitionState, since_s: float) -> float | None:
        """Until the earliest timer, on the broker's clock; the last record is there since then."""
        wait_ms = remaining_ms(state)
        if wait_ms is None:
            return None
        broker_ms = time.time() * 1_000 + self._offset_ms
        return wait_ms - max(broker_ms - state.append_ms, since_s * 1_000)


def remaining_ms(state: PartitionState) -> int | None:
    """From the last record until something is due, if time passes without one; None if nothing
    will be.
    """
    clocks = {
        Clock.PENDING: state.log_time_ms,
        Clock.DURATION: state.log_time_ms,
        Clock.AWAKE: state.awake_ms,
        Clock.DATE: state.append_ms,
    }
    waits = [
        state.next_due_ms[clock] - clock_ms
        for clock, clock_ms in clocks.items()
        if state.next_due_ms[clock] != NEVER_MS
    ]
    return min(waits) if waits else None
