"""The records that a past is folded from: read a part at a time, and for who is online so many
bytes of them at most. What is folded is kept in memory, so this bounds that, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from penstock.log.port import EngineLog, Record

PAST_BYTES_MAX: Final = 128 * 1024 * 1024
RECORDS_READ_MAX: Final = 250
"""That are read together."""


class PastUnknown(Exception):
    """The past can not be told; the message says why."""


class PastRecords:
    """Of one partition, for one question. Those that are kept may be asked for again."""

    def __init__(self, log: EngineLog, number: int, *, bounded: bool) -> None:
        self._log = log
        self._number = number
        self._bytes_left = PAST_BYTES_MAX if bounded else None
        self._kept: dict[int, Record] = {}

    def get(self, offset: int) -> Record | None:
        """One that is kept."""
        return self._kept.get(offset)

    def keep(self, offsets: set[int]) -> None:
        """Keep these, as far as the log has them. Raises PastUnknown."""
        for record in self.each(sorted(offsets - self._kept.keys())):
            self._kept[record.offset] = record

    def each(self, offsets: Sequence[int]) -> Iterator[Record]:
        """These, as far as the log has them. Raises PastUnknown."""
        for at in range(0, len(offsets), RECORDS_READ_MAX):
            part = offsets[at : at + RECORDS_READ_MAX]
            for record in self._log.read_some(self._number, part):
                if self._bytes_left is not None:
                    self._bytes_left -= len(record.value or b"")
                    if self._bytes_left < 0:
                        raise PastUnknown(
                            f"it is told from more than {PAST_BYTES_MAX} bytes of the log, which is"
                            " too much here: `penstock history` does so offline, on the data"
                            " directory or on Kafka"
                        )
                yield record
