"""How the embedded log writes: callers queue, and one of them writes all that wait as one batch.

Rules
- With `sync`, many callers share one wait for the disk.
- Offsets are given and times are stamped in the order of writing, and nobody sees a record before
  the disk has taken it.
- A batch that the disk refuses leaves no hole: its offsets are given again.
- Nothing counts as written before the disk has taken it. Whatever ends a write, a defect too, ends
  it for all whose messages were taken along: none of them is told of success.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from penstock.log.embedded.disk import Disk, encode_record, record_key
from penstock.log.embedded.tail import Partition, Tails, Topic
from penstock.log.port import (
    LogError,
    LogFatal,
    LogUnavailable,
    Message,
    Position,
    Record,
)

Placed = tuple[Topic, int, Message]  # the number is the partition's


class _Entry:
    """What one caller writes; `written`, or else `error`, tells what became of it."""

    __slots__ = ("error", "messages", "positions", "written")

    def __init__(self, messages: Sequence[Placed]) -> None:
        self.messages = messages
        self.positions: list[Position] = []
        self.written = False
        self.error: LogError | None = None


class Writer:
    """The one way in. `turn` is held while something is written; take it before the state lock."""

    def __init__(
        self, disk: Disk, state: Lock, tails: Tails, *, sync: bool, clock_ms: Callable[[], int]
    ) -> None:
        self.turn = Lock()
        self.closed = False
        self._disk = disk
        self._state = state
        self._tails = tails
        self._sync = sync
        self._clock_ms = clock_ms
        self._waiting: deque[_Entry] = deque()

    def write(self, messages: Sequence[Placed]) -> list[Position]:
        """Write these, unless the caller before has taken them along already."""
        if not messages:
            return []
        entry = _Entry(messages)
        self._waiting.append(entry)
        with self.turn:
            entries = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if entries:
                self._write(entries)
        if not entry.written:
            raise entry.error or LogUnavailable("the write that took this along was not ended")
        return entry.positions

    def _write(self, entries: list[_Entry]) -> None:
        try:
            if self.closed:
                raise LogFatal("the log is closed")
            puts, records = self._encode(entries)
            self._disk.write(puts, sync=self._sync)
            self._publish(records)
        except LogError as failed:
            for entry in entries:
                entry.error = failed
        else:
            for entry in entries:
                entry.written = True

    def _encode(
        self, entries: list[_Entry]
    ) -> tuple[list[tuple[bytes, bytes]], list[tuple[Topic, Partition, Record, int]]]:
        """The rows to put, and the records in them with their sizes."""
        now_ms = self._clock_ms()
        next_offsets: dict[Partition, int] = {}
        puts: list[tuple[bytes, bytes]] = []
        records: list[tuple[Topic, Partition, Record, int]] = []
        for entry in entries:
            for topic, number, message in entry.messages:
                partition = topic.partitions[number]
                offset = next_offsets.get(partition, partition.next_offset)
                next_offsets[partition] = offset + 1
                headers = dict(message.headers)
                record = Record(
                    message.topic, number, offset, now_ms, message.key, message.value, headers
                )
                key = record_key(topic.number, number, offset)
                data = encode_record(key, record)
                puts.append((key, data))
                records.append((topic, partition, record, len(data)))
                entry.positions.append(Position(number, offset))
        return puts, records

    def _publish(self, records: list[tuple[Topic, Partition, Record, int]]) -> None:
        with self._state:
            for _, partition, record, size_bytes in records:
                self._tails.add(partition, record, size_bytes)
            for topic in {topic.number: topic for topic, *_ in records}.values():
                topic.arrived.notify_all()
