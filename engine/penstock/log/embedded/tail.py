"""Topics of the embedded log in memory: where each partition ends, and its freshest records.

Everything here is guarded by the log's state lock. The tails of all partitions share one budget of
bytes; the oldest record goes first, whichever partition it is of, and is on disk if asked for.
"""

from __future__ import annotations

from collections import deque
from threading import Condition, Lock
from typing import Final

from penstock.contracts.topics import TopicSettings
from penstock.log.port import Record

RECORD_OVERHEAD_BYTES: Final = 600  # what a small record costs in Python besides its content


class Tails:
    """The shared budget."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._order: deque[tuple[Partition, int]] = deque()

    def add(self, partition: Partition, record: Record, size_bytes: int) -> None:
        """Keep a record that was just written."""
        size_bytes += RECORD_OVERHEAD_BYTES
        partition.keep(record)
        self._order.append((partition, size_bytes))
        self._bytes += size_bytes
        while self._bytes > self._bytes_max:
            oldest, freed_bytes = self._order.popleft()
            oldest.forget_first()
            self._bytes -= freed_bytes


class Partition:
    """The end of one partition."""

    def __init__(self, number: int, next_offset: int) -> None:
        self.number = number
        self.next_offset = next_offset
        self._tail: list[Record | None] = []
        self._gone = 0  # how many at the beginning of _tail are forgotten

    def keep(self, record: Record) -> None:
        """Take the next record."""
        self._tail.append(record)
        self.next_offset = record.offset + 1

    def forget_first(self) -> None:
        """Drop the oldest record that is kept."""
        self._tail[self._gone] = None
        self._gone += 1
        if self._gone * 2 > len(self._tail):  # so that moving the rest is paid for
            del self._tail[: self._gone]
            self._gone = 0

    def fresh(self, start: int, end: int) -> list[Record] | None:
        """The records from `start` up to `end`, or None if some of them are on disk only."""
        first = self.next_offset - len(self._tail)
        if start < first + self._gone:
            return None
        kept = self._tail[start - first : end - first]
        return [record for record in kept if record is not None]


class Topic:
    """One topic, and the condition on which its readers wait."""

    def __init__(
        self, number: int, settings: TopicSettings, lock: Lock, partitions: list[Partition]
    ) -> None:
        self.number = number
        self.settings = settings
        self.partitions = partitions
        self.arrived = Condition(lock)
        self.keyless = 0  # records without a key or a partition go round
