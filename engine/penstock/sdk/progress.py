"""How far a worker has come in the partitions that it reads, and what it has seen before. No I/O,
no threads.
"""

from __future__ import annotations

from collections import deque
from typing import Final

SEEN_MAX: Final = 50_000


class Progress:
    """One partition: records in the order in which they came, and which of them are done."""

    __slots__ = ("_done", "_under_way", "next_offset")

    def __init__(self) -> None:
        self.next_offset: int | None = None
        self._under_way: deque[int] = deque()
        self._done: set[int] = set()

    def came(self, offset: int) -> bool:
        """A record came; False if it is known already (it comes again after a rebalance)."""
        if self._under_way and offset <= self._under_way[-1]:
            return False
        if self.next_offset is not None and offset < self.next_offset:
            return False
        self._under_way.append(offset)
        return True

    def drop(self, first: int) -> None:
        """From this record on nothing is under way: it comes again, here or elsewhere."""
        while self._under_way and self._under_way[-1] >= first:
            self._done.discard(self._under_way.pop())

    @property
    def is_through(self) -> bool:
        """Whether all that came is done."""
        return not self._under_way

    def done(self, offset: int) -> int | None:
        """A record is done; where to read on from now, if that has changed. Offsets may have
        holes.
        """
        under_way, done = self._under_way, self._done
        if not under_way or offset < under_way[0]:
            return None  # said twice: a TaskStarted and a report count for the same record
        done.add(offset)
        if under_way[0] != offset:
            return None
        while under_way and under_way[0] in done:
            passed = under_way.popleft()
            done.discard(passed)
            self.next_offset = passed + 1
        return self.next_offset


class Seen:
    """Attempts that came before, as far as memory goes: two generations of at most `limit` each."""

    __slots__ = ("_limit", "_new", "_old")

    def __init__(self, limit: int = SEEN_MAX) -> None:
        self._limit = limit
        self._new: set[tuple[str, int]] = set()
        self._old: set[tuple[str, int]] = set()

    def is_new(self, guid: str, attempt: int) -> bool:
        """Whether this attempt comes for the first time; from now on it does not."""
        key = (guid, attempt)
        if key in self._new or key in self._old:
            return False
        self._new.add(key)
        if len(self._new) >= self._limit:
            self._old, self._new = self._new, set()
        return True

    def forget(self, guid: str, attempt: int) -> None:
        """This attempt was not made: if it comes again, it is new."""
        self._new.discard((guid, attempt))
        self._old.discard((guid, attempt))
