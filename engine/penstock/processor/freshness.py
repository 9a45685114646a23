"""Whether what is open here may be read: it is not, until all is folded that the log had when it
was opened, nor when the log was last read so long ago that others may own it by now.
"""

from __future__ import annotations

import time
from typing import Protocol, runtime_checkable


@runtime_checkable
class TellsEnds(Protocol):
    """A log that may end in what is no record, so that no position ever comes to its end."""

    def is_read_out(self, partition: int) -> bool:
        """Whether the log has said, since `read_from`, that a partition had no more than was given
        by the polls. In the thread that polls.
        """
        ...


class Freshness:
    """Told by the fold's thread; any thread may ask."""

    def __init__(self, stale_after_s: float, log: object = None) -> None:
        self._stale_after_s = stale_after_s
        self._log = log if isinstance(log, TellsEnds) else None
        self._polled_s = time.monotonic()
        self._ends: dict[int, int] = {}

    def polled(self) -> None:
        """The log was read. A client that stood still does not hear at once that it has lost what
        it had: who is stale stays so, until it is `proved`.
        """
        if not self.is_stale:
            self._polled_s = time.monotonic()

    def folded(self) -> None:
        """All that was read is folded. Where the log says that this was all, nothing is waited for
        any more. Silence alone says nothing: a leader that is away is silent, whatever it has.
        """
        if self._log is not None and self._ends:
            for number in filter(self._log.is_read_out, list(self._ends)):
                self.closed(number)

    def proved(self) -> None:
        """The log has said that what is open here is ours."""
        self._polled_s = time.monotonic()

    def opened(self, number: int, end: int) -> None:
        """A partition is open; the log had this end shortly before."""
        self._ends[number] = end

    def closed(self, number: int) -> None:
        """It is not any more, or has all that there was."""
        self._ends.pop(number, None)

    def is_behind(self, number: int, next_offset: int) -> bool:
        """Whether a partition has not folded yet what there was."""
        return next_offset < self._ends.get(number, 0)

    @property
    def is_stale(self) -> bool:
        """Whether others may own by now what is open here."""
        return time.monotonic() - self._polled_s > self._stale_after_s
