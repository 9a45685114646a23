"""Which workers have asked for tasks here lately, by TaskDef."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

Key = tuple[str, str]  # tenant and TaskDef

LATELY_S: Final = 60.0
WORKERS_MAX: Final = 20_000
"""Names are the workers' own; those beyond so many are not counted."""


class Asked(NamedTuple):
    """How long ago a worker has asked last, None for one that asks now; and how many slots it says
    that it has.
    """

    ago_s: float | None
    slots: int | None


class _Last(NamedTuple):
    at_s: float
    slots: int | None


class Polled:
    """Noted on the event loop; any thread may count. A worker is here while it polls, and for
    LATELY_S after.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._last: dict[tuple[Key, str], _Last] = {}
        self._polling: dict[tuple[Key, str], int] = {}

    def begins(self, key: Key, worker: str, slots: int | None = None) -> None:
        """It asks."""
        of = (key, worker)
        self._note(of, slots)
        self._polling[of] = self._polling.get(of, 0) + 1

    def ends(self, key: Key, worker: str) -> None:
        """It has its answer, or has gone."""
        of = (key, worker)
        if (
            last := self._last.get(of)
        ) is not None:  # else the queue went to another node meanwhile
            self._note(of, last.slots)
        left = self._polling.pop(of) - 1
        if left:
            self._polling[of] = left

    def forget(self, key: Key) -> None:
        """The queue is another node's now: its workers are counted there."""
        for of in [of for of in self._last if of[0] == key]:
            del self._last[of]

    def counts(self) -> dict[Key, int]:
        """How many workers each TaskDef has."""
        since_s = self._clock_s() - LATELY_S
        lately = {of for of, last in self._last.copy().items() if last.at_s >= since_s}
        found: dict[Key, int] = {}
        for key, _ in lately | self._polling.copy().keys():
            found[key] = found.get(key, 0) + 1
        return found

    def of(self, key: Key) -> dict[str, Asked]:
        """The workers of a TaskDef by name."""
        now_s = self._clock_s()
        noted = {of[1]: last for of, last in self._last.copy().items() if of[0] == key}
        found = {
            name: Asked(now_s - last.at_s, last.slots)
            for name, last in noted.items()
            if last.at_s >= now_s - LATELY_S
        }
        for name in [of[1] for of in self._polling.copy() if of[0] == key]:
            found[name] = Asked(None, noted[name].slots if name in noted else None)
        return found

    def _note(self, of: tuple[Key, str], slots: int | None) -> None:
        """Newest last, so that what is old stands first."""
        self._last.pop(of, None)
        now_s = self._clock_s()
        while self._last:
            oldest = next(iter(self._last))
            if self._last[oldest].at_s >= now_s - LATELY_S:
                break
            del self._last[oldest]
        if len(self._last) < WORKERS_MAX:
            self._last[of] = _Last(now_s, slots)
