"""Whether what is open here may be read: it is not, until all is folded that the log had when it
was opened, nor when the log was last read so long ago that others may own it by now.
"""

from __future__ import annotations

import time
from typing import Final

SETTLED_S: Final = 2.0
"""A log may end in what is no record: if nothing has come for so long, all that there is has."""


class Freshness:
    """Told by the fold's thread; any thread may ask."""

    def __init__(self, stale_after_s: float) -> None:
        self._stale_after_s = stale_after_s
        self._polled_s = self._came_s = time.monotonic()
        self._ends: dict[int, int] = {}

    def polled(self, *, came: bool) -> None:
        """The log was read, and something came, or not. A client that stood still does not hear at
        once that it has lost what it had: who is stale stays so, until it is `proved`.
        """
        now_s = time.monotonic()
        if not self.is_stale:
            self._polled_s = now_s
        if came:
            self._came_s = now_s
        elif self._ends and now_s - self._came_s > SETTLED_S:
            self._ends.clear()

    def proved(self) -> None:
        """The log has said that what is open here is ours."""
        self._polled_s = time.monotonic()

    def opened(self, number: int, end: int) -> None:
        """A partition is open; the log had this end shortly before."""
        self._ends[number] = end
        self._came_s = time.monotonic()

    def closed(self, number: int) -> None:
        """It is not any more."""
        self._ends.pop(number, None)

    def is_behind(self, number: int, next_offset: int) -> bool:
        """Whether a partition has not folded yet what there was."""
        return next_offset < self._ends.get(number, 0)

    @property
    def is_stale(self) -> bool:
        """Whether others may own by now what is open here."""
        return time.monotonic() - self._polled_s > self._stale_after_s
