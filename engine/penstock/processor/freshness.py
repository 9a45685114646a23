"""Whether what is open here may be read: it is not, until all is folded that the log had when it
was opened, nor when the log was last read so long ago that others may own it by now.
"""

from __future__ import annotations

import logging
import math
import time
from typing import Final, Protocol, runtime_checkable

from penstock.log.port import LogError

ASK_S: Final = 0.5
ASK_EVERY_S: Final = 2.0

logger = logging.getLogger("penstock.processor")


@runtime_checkable
class TellsEnds(Protocol):
    """A log that may end in what is no record, so that no position ever comes to its end."""

    def read_out_to(self, partition: int) -> int | None:
        """Which end a partition had when the polls had given all before it, if the log has said so
        since `read_from`: the newest. In the thread that polls.
        """
        ...

    def bounds(self, partition: int, timeout_s: float) -> tuple[int, int]:
        """See port.EngineLog."""
        ...


class Freshness:
    """Told by the fold's thread; any thread may ask."""

    def __init__(self, stale_after_s: float, log: object = None) -> None:
        self._stale_after_s = stale_after_s
        self._log = log if isinstance(log, TellsEnds) else None
        self._polled_s = time.monotonic()
        self._ends: dict[int, int] = {}
        self._ask_s: dict[int, float] = {}  # when a partition may be asked about again

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
            for number, end in list(self._ends.items()):
                at = self._log.read_out_to(number)
                if at is not None and (at >= end or at >= self._end_now(self._log, number)):
                    self.closed(number)

    def _end_now(self, log: TellsEnds, number: int) -> float:
        """A new leader may not know yet how far its log goes, and say less while it is read; what
        it is asked for it tells only when it does. Then the rest is lost.
        """
        now_s = time.monotonic()
        if now_s < self._ask_s.get(number, now_s):
            return math.inf
        self._ask_s[number] = now_s + ASK_EVERY_S
        try:
            return log.bounds(number, ASK_S)[1]
        except LogError as error:
            logger.info("where partition %d ends now is not known: %s", number, error)
            return math.inf

    def proved(self) -> None:
        """The log has said that what is open here is ours."""
        self._polled_s = time.monotonic()

    def opened(self, number: int, end: int) -> None:
        """A partition is open; the log had this end shortly before."""
        self._ends[number] = end

    def closed(self, number: int) -> None:
        """It is not any more, or has all that there was."""
        self._ends.pop(number, None)
        self._ask_s.pop(number, None)

    def is_behind(self, number: int, next_offset: int) -> bool:
        """Whether a partition has not folded yet what there was."""
        return next_offset < self._ends.get(number, 0)

    @property
    def is_stale(self) -> bool:
        """Whether others may own by now what is open here."""
        return time.monotonic() - self._polled_s > self._stale_after_s
