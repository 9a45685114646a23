"""Which workers have asked for tasks here lately, by TaskDef."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

Key = tuple[str, str]  # tenant and TaskDef

LATELY_S: Final = 60.0
WORKERS_MAX: Final = 20_000
"""Names are the workers' own; those beyond so many are not counted."""


class Polled:
    """Noted on the event loop; any thread may count. A worker is here while it polls, and for
    LATELY_S after.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._last_s: dict[tuple[Key, str], float] = {}
        self._polling: dict[tuple[Key, str], int] = {}

    def begins(self, key: Key, worker: str) -> None:
        """It asks."""
        of = (key, worker)
        self._note(of)
        self._polling[of] = self._polling.get(of, 0) + 1

    def ends(self, key: Key, worker: str) -> None:
        """It has its answer, or has gone."""
        of = (key, worker)
        if of in self._last_s:  # else the queue went to another node meanwhile
            self._note(of)
        left = self._polling.pop(of) - 1
        if left:
            self._polling[of] = left

    def forget(self, key: Key) -> None:
        """The queue is another node's now: its workers are counted there."""
        for of in [of for of in self._last_s if of[0] == key]:
            del self._last_s[of]

    def counts(self) -> dict[Key, int]:
        """How many workers each TaskDef has."""
        since_s = self._clock_s() - LATELY_S
        lately = {of for of, last_s in self._last_s.copy().items() if last_s >= since_s}
        found: dict[Key, int] = {}
        for key, _ in lately | self._polling.copy().keys():
            found[key] = found.get(key, 0) + 1
        return found

    def of(self, key: Key) -> dict[str, float | None]:
        """The workers of a TaskDef by name, with how many seconds ago each has asked last; None for
        one that asks now.
        """
        now_s = self._clock_s()
        ago = {of[1]: now_s - last_s for of, last_s in self._last_s.copy().items() if of[0] == key}
        lately: dict[str, float | None] = {
            name: ago_s for name, ago_s in ago.items() if ago_s <= LATELY_S
        }
        return lately | {of[1]: None for of in self._polling.copy() if of[0] == key}

    def _note(self, of: tuple[Key, str]) -> None:
        """Newest last, so that what is old stands first."""
        self._last_s.pop(of, None)
        now_s = self._clock_s()
        while self._last_s:
            oldest = next(iter(self._last_s))
            if self._last_s[oldest] >= now_s - LATELY_S:
                break
            del self._last_s[oldest]
        if len(self._last_s) < WORKERS_MAX:
            self._last_s[of] = now_s
