"""The embedded log: durable, one process, no broker. `penstock dev` and users' tests run on it.

Rules
- What is acknowledged is in RocksDB's write-ahead log: safe against a kill, and with `sync`
  against a power cut too.
- Readers wait on their topic's condition and find fresh records in memory.
- One process has the directory; a second one is told so by LogFatal.
- Nothing is deleted: topics have no retention here, and a partition begins at offset 0.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from threading import Condition, Lock
from typing import Final

from penstock.contracts.topics import TopicSettings
from penstock.core.ids import partition_of
from penstock.log.backlog import Span, backlog_from
from penstock.log.embedded.book import Book, MarkOf, check_settings
from penstock.log.embedded.disk import Disk
from penstock.log.embedded.groups import EmbeddedConsumer, Group, Reader
from penstock.log.embedded.tail import Partition, Tails, Topic
from penstock.log.embedded.write import Placed, Writer
from penstock.log.port import (
    AppendRefused,
    Backlog,
    Fenced,
    Gone,
    LogError,
    LogFatal,
    LogUnavailable,
    Mark,
    Message,
    OnAck,
    Ownership,
    Position,
    Record,
    Refused,
    Survey,
)

OnDemand = Callable[[str], TopicSettings | None]
RECORD_BYTES_MAX: Final = 1_048_588  # Kafka's default of max.message.bytes
RECORD_OVERHEAD_BYTES: Final = 100  # of a batch with one record, as Kafka counts
TAIL_BYTES_MAX: Final = 32 * 1024 * 1024
_partition_of = lru_cache(maxsize=65_536)(partition_of)


def wall_clock_ms() -> int:
    """The time that records get, as a broker's clock gives it."""
    return time.time_ns() // 1_000_000


class EmbeddedLog:
    """See log/port.py."""

    def __init__(
        self,
        directory: str | Path,
        *,
        commands: str,
        partitions: int,
        on_demand: OnDemand,
        group: str = "engine",
        sync: bool = False,
        clock_ms: Callable[[], int] = wall_clock_ms,
        tail_bytes_max: int = TAIL_BYTES_MAX,
    ) -> None:
        self.partitions = partitions
        self._on_demand = on_demand
        self._group = group
        self._sync = sync
        self._state = Lock()
        self._idle = Condition(self._state)  # nobody is at the disk
        self._at_disk = 0
        self._closed = False
        self._topics: dict[str, Topic] = {}
        self._groups: dict[tuple[str, str], Group] = {}
        self._ownership: Ownership | None = None
        self._told = False
        self._disk = Disk(Path(directory))
        self._writer = Writer(
            self._disk, self._state, Tails(tail_bytes_max), sync=sync, clock_ms=clock_ms
        )
        try:
            self._book = Book(self._disk, commands)
            for number, settings in self._book.topics.items():
                self._load(number, settings)
            self._is_new = commands not in self._topics  # and no marks were asked for yet
            self.ensure_topics([TopicSettings(commands, partitions)])
        except BaseException:
            self._disk.close()
            raise
        self.topic_id = self._book.topic_id
        self._marks: dict[MarkOf, Mark] = dict(self._book.marks)
        self._commands = self._topics[commands]
        self._reader = Reader(self._commands)

    # What everybody may do.

    def append(self, message: Message, on_ack: OnAck | None = None) -> None:
        """Write one message; it is acknowledged before this returns."""
        try:
            result: Position | LogError = self.append_and_wait(message)
        except LogError as error:
            result = error
        if on_ack is not None:
            on_ack(result)

    def append_and_wait(self, message: Message, timeout_s: float = 30.0) -> Position:
        """Write one message."""
        placed = self._place(message)
        if isinstance(placed, Refused):
            raise AppendRefused(placed)
        return self._writer.write([placed])[0]

    def flush(self, timeout_s: float = 30.0) -> None:
        """Nothing waits: `append` writes."""

    def close(self) -> None:
        """Let go of the directory. Who is in `poll` comes back at once with nothing."""
        with self._writer.turn, self._state:
            if self._closed:
                return
            self._closed = self._writer.closed = True
            for topic in self._topics.values():
                topic.arrived.notify_all()
            while self._at_disk:
                self._idle.wait()
            self._disk.close()

    def consumer(self, topic: str, group: str) -> EmbeddedConsumer:
        """A member of a group of this process."""
        found = self._topic(topic)
        if found is None:
            raise LogFatal(f"there is no topic {topic}")
        reader = Reader(found)
        with self._state:
            known = self._groups.get((topic, group))
            if known is None:
                marks = {
                    of[2]: mark.next_offset
                    for of, mark in self._marks.items()
                    if of[:2] == (topic, group)
                }
                known = self._groups[topic, group] = Group(found, marks)
            known.join(reader)
        done = partial(self._done, known, reader, (topic, group))
        return EmbeddedConsumer(self, reader, done, partial(self._leave, known, reader))

    def reach(self, timeout_s: float) -> None:
        """It answers while it is open."""
        if self._closed:
            raise LogUnavailable("the log is closed")

    # What the processor does.

    def subscribe(self, ownership: Ownership) -> None:
        """All partitions are given at the next poll."""
        self._ownership, self._told = ownership, False

    def read_from(self, partition: int, next_offset: int) -> None:
        """Read on from here."""
        if not self._told or not 0 <= partition < self.partitions:
            raise Fenced(f"partition {partition} is not ours")
        end = self._commands.partitions[partition].next_offset
        if not 0 <= next_offset <= end:
            raise Gone(partition, f"it can not be read from {next_offset}: it has 0-{end}")
        with self._state:
            self._reader.positions[partition] = next_offset

    def poll(self, records_max: int, timeout_s: float) -> list[Record]:
        """Records of the partitions that are read."""
        if self._ownership is not None and not self._told:
            self._told = True
            self._ownership.assigned(range(self.partitions))
        return self.read(self._reader, records_max, timeout_s)

    def deliver(
        self, messages: Sequence[Message], sent: Callable[[], None] | None = None
    ) -> list[Refused]:
        """Write all that are not refused as one batch."""
        placed = [self._place(message) for message in messages]
        self._writer.write([one for one in placed if not isinstance(one, Refused)])
        if sent is not None:
            sent()
        return [one for one in placed if isinstance(one, Refused)]

    def committed(self, partition: int) -> Mark | None:
        """The engine's mark."""
        return self._marks.get((self._commands.settings.name, self._group, partition))

    def commit(self, partition: int, mark: Mark) -> None:
        """Set the engine's mark."""
        of = (self._commands.settings.name, self._group, partition)
        with self._state:
            self._go_to_disk()
        self._put_mark(of, mark, sync=self._sync)

    def ensure_marks(self, first: Mark) -> None:
        """Mark what has no mark and was never read."""
        for number in range(self.partitions):
            never_read = self._is_new or self.bounds(number) == (0, 0)
            if never_read and not self.committed(number):
                self.commit(number, first)
        self._is_new = False

    def bounds(self, partition: int, timeout_s: float = 15.0) -> tuple[int, int]:
        """(0, the next offset)."""
        return 0, self._commands.partitions[partition].next_offset

    def read_at(self, partition: int, offset: int) -> Record | None:
        """The record at an offset."""
        found = self._records(self._commands, partition, (max(offset, 0), max(offset, 0) + 1))
        return found[0] if found else None

    def read_some(self, partition: int, offsets: Sequence[int]) -> list[Record]:
        """The records at these offsets."""
        return [found for offset in offsets if (found := self.read_at(partition, offset))]

    def read_all(
        self, topic: str, partition: int = 0, since: int = 0, at_most: int | None = None
    ) -> list[Record]:
        """Records of a topic's partition from an offset on; none if there is no such topic."""
        found = self._topics.get(topic)
        if found is None:
            return []
        end = found.partitions[partition].next_offset if at_most is None else since + at_most
        return self._records(found, partition, (since, end))

    def ensure_topics(self, topics: Sequence[TopicSettings]) -> None:
        """Make the topics that do not exist."""
        for settings in topics:
            with self._writer.turn:
                known = self._topics.get(settings.name)
                if known is None:
                    self._make(settings)
                    continue
            check_settings(known.settings, settings)

    def survey(self, topics: Sequence[TopicSettings]) -> Survey:
        """One process, one copy, which is what it is for."""
        return Survey()

    def backlog(self, topic: str, group: str, *, heads: bool = False) -> Backlog:
        """What waits for a group."""
        found = self._topics.get(topic)
        if found is None:
            return Backlog(0)
        ends = {one.number: one.next_offset for one in found.partitions}
        marks = {n: self._marks.get((topic, group, n), Mark(0)).next_offset for n in ends}
        spans = [Span(end - marks[number], number, marks[number]) for number, end in ends.items()]

        def first(span: Span) -> Record | None:
            return next(iter(self._records(found, span.number, (span.mark, span.mark + 1))), None)

        return backlog_from(spans, first, heads=heads)

    # Reading.

    def read(self, reader: Reader, records_max: int, timeout_s: float) -> list[Record]:
        """What is there for a reader; waits only while there is nothing."""
        deadline = time.monotonic() + timeout_s
        topic = reader.topic
        with self._state:
            self._check_open()
            while not (spans := reader.spans(records_max)):
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return []
                topic.arrived.wait(left_s)
                if self._closed:
                    return []
            fresh = [topic.partitions[span[0]].fresh(span[1], span[2]) for span in spans]
            if None in fresh:
                self._go_to_disk()
        if None not in fresh:
            return [record for records in fresh if records for record in records]
        try:
            return [
                record
                for (number, start, end), records in zip(spans, fresh, strict=True)
                for record in records or self._from_disk(topic, number, (start, end))
            ]
        except LogError:
            with self._state:
                reader.put_back(spans)
            raise
        finally:
            self._come_from_disk()

    def _records(self, topic: Topic, partition: int, span: tuple[int, int]) -> list[Record]:
        start, end = span[0], min(span[1], topic.partitions[partition].next_offset)
        if start >= end:
            return []
        with self._state:
            fresh = topic.partitions[partition].fresh(start, end)
            if fresh is not None:
                return fresh
            self._go_to_disk()
        try:
            return self._from_disk(topic, partition, (start, end))
        finally:
            self._come_from_disk()

    def _from_disk(self, topic: Topic, partition: int, span: tuple[int, int]) -> list[Record]:
        return self._disk.records(topic.number, topic.settings.name, partition, span)

    def _go_to_disk(self) -> None:
        """Hold `close` off until `_come_from_disk`; call it with the state lock."""
        self._check_open()
        self._at_disk += 1

    def _come_from_disk(self) -> None:
        with self._state:
            self._at_disk -= 1
            self._idle.notify_all()

    def _check_open(self) -> None:
        if self._closed:
            raise LogFatal("the log is closed")

    # Topics, groups and marks.

    def _place(self, message: Message) -> Placed | Refused:
        """Where a message goes, or why it goes nowhere."""
        topic = self._topic(message.topic)
        if topic is None:
            return Refused(message, "NO_TOPIC", f"there is no topic {message.topic}")
        size = _size_bytes(message)
        size_max = int(topic.settings.config.get("max.message.bytes", RECORD_BYTES_MAX))
        if size > size_max:
            return Refused(message, "TOO_LARGE", f"{size} bytes, a record may have {size_max}")
        count = len(topic.partitions)
        number = message.partition
        if number is None and message.key is not None:
            number = _partition_of(message.key, count)
        elif number is None:
            topic.keyless += 1
            number = topic.keyless % count
        if not 0 <= number < count:
            reason = f"{message.topic} has {count} partitions, there is no {number}"
            return Refused(message, "NO_TOPIC", reason)
        return topic, number, message

    def _topic(self, name: str) -> Topic | None:
        """A topic; it is made if it may be."""
        known = self._topics.get(name)
        if known is not None:
            return known
        settings = self._on_demand(name)
        if settings is None:
            return None
        self.ensure_topics([settings])
        return self._topics[name]

    def _make(self, settings: TopicSettings) -> None:
        self._check_open()
        number = 1 + max((topic.number for topic in self._topics.values()), default=0)
        self._book.put_topic(number, settings)
        self._load(number, settings)

    def _load(self, number: int, settings: TopicSettings) -> None:
        partitions = [
            Partition(index, self._disk.next_offset(number, index))
            for index in range(settings.partitions)
        ]
        self._topics[settings.name] = Topic(number, settings, self._state, partitions)

    def _done(
        self, group: Group, reader: Reader, of: tuple[str, str], partition: int, next_offset: int
    ) -> None:
        """A consumer's commit. It is not synced: a lost mark only repeats records."""
        with self._state:
            if self._closed or not group.done(reader, partition, next_offset):
                return
            self._go_to_disk()
        self._put_mark((*of, partition), Mark(next_offset), sync=False)

    def _leave(self, group: Group, reader: Reader) -> None:
        with self._state:
            group.leave(reader)

    def _put_mark(self, of: MarkOf, mark: Mark, *, sync: bool) -> None:
        """Write a mark, then say that the disk is free (see `_go_to_disk`)."""
        try:
            self._book.put_mark(of, mark, sync=sync)
            with self._state:
                self._marks[of] = mark
        finally:
            self._come_from_disk()


def _size_bytes(message: Message) -> int:
    headers = sum(len(name) + len(value) + 6 for name, value in message.headers.items())
    return len(message.key or b"") + len(message.value or b"") + headers + RECORD_OVERHEAD_BYTES
