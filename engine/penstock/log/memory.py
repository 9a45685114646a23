"""The log in memory, with a clock that the test sets: for `penstock.testing` and the simulator. It
passes the same contract suite as the real ones, so that what is tested on it means something. One
thread at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from penstock.contracts.topics import TopicSettings
from penstock.core.ids import partition_of
from penstock.log.backlog import Span, backlog_from
from penstock.log.port import (
    AppendRefused,
    Backlog,
    Gone,
    LogFatal,
    Mark,
    Message,
    OnAck,
    Ownership,
    Position,
    Record,
    Refused,
    Survey,
)

RECORD_BYTES_MAX: Final = 1024 * 1024
OnDemand = Callable[[str], TopicSettings | None]


class MemoryLog:
    """See log/port.py."""

    def __init__(
        self,
        *,
        commands: str,
        partitions: int,
        on_demand: OnDemand,
        clock_ms: Callable[[], int],
        topic_id: str = "memory",
    ) -> None:
        self.topic_id = topic_id
        self.partitions = partitions
        self._commands = commands
        self._on_demand = on_demand
        self._clock_ms = clock_ms
        self._settings: dict[str, TopicSettings] = {}
        self._records: dict[str, list[list[Record]]] = {}
        self._marks: dict[tuple[str, str, int], Mark] = {}
        self._members: dict[tuple[str, str], list[MemoryConsumer]] = defaultdict(list)
        self._next: dict[int, int] = {}
        self._begins: dict[int, int] = defaultdict(int)
        self._ownership: Ownership | None = None
        self._assigned = False
        self._is_new = True  # no marks were asked for yet
        self.ensure_topics([TopicSettings(commands, partitions)])

    # What everybody may do.

    def append(self, message: Message, on_ack: OnAck | None = None) -> None:
        """Append; the acknowledgement comes at once."""
        refused = self._refusal(message)
        result = AppendRefused(refused) if refused else self._append(message)
        if on_ack is not None:
            on_ack(result)

    def append_and_wait(self, message: Message, timeout_s: float = 30.0) -> Position:
        """Append one message."""
        refused = self._refusal(message)
        if refused is not None:
            raise AppendRefused(refused)
        return self._append(message)

    def flush(self, timeout_s: float = 30.0) -> None:
        """Nothing is queued."""

    def close(self) -> None:
        """Nothing to let go of."""

    def consumer(self, topic: str, group: str) -> MemoryConsumer:
        """A member of a group."""
        return MemoryConsumer(self, topic, group)

    # What the processor does.

    def subscribe(self, ownership: Ownership) -> None:
        """All partitions are given at the next poll."""
        self._ownership, self._assigned = ownership, False

    def read_from(self, partition: int, next_offset: int) -> None:
        """Read on from here."""
        self._next.pop(partition, None)
        begin, end = self._begins[partition], len(self._records[self._commands][partition])
        if not begin <= next_offset <= end:
            raise Gone(partition, f"the log has {begin} to {end}, not {next_offset}")
        self._next[partition] = next_offset

    def poll(self, records_max: int, timeout_s: float) -> list[Record]:
        """What is there; never waits."""
        if not self._assigned and self._ownership is not None:
            self._assigned = True
            self._ownership.assigned(range(self.partitions))
        for partition, start in list(self._next.items()):
            self.read_from(partition, start)  # which looks whether it is there still
        polled: list[Record] = []
        for partition, start in sorted(self._next.items()):
            records = self._records[self._commands][partition]
            chunk = records[start : start + records_max - len(polled)]
            self._next[partition] = start + len(chunk)
            polled += chunk
        return polled

    def deliver(
        self, messages: Sequence[Message], sent: Callable[[], None] | None = None
    ) -> list[Refused]:
        """Append all that are not refused."""
        refused: list[Refused] = []
        for message in messages:
            refusal = self._refusal(message)
            if refusal is None:
                self._append(message)
            else:
                refused.append(refusal)
        if sent is not None:
            sent()
        return refused

    def committed(self, partition: int) -> Mark | None:
        """The engine's mark."""
        return self._marks.get((self._commands, "", partition))

    def commit(self, partition: int, mark: Mark) -> None:
        """Set the engine's mark."""
        self._marks[self._commands, "", partition] = mark

    def ensure_marks(self, first: Mark) -> None:
        """Mark what has no mark and was never read."""
        for number in range(self.partitions):
            never_read = self._is_new or self.bounds(number) == (0, 0)
            if never_read and self.committed(number) is None:
                self.commit(number, first)
        self._is_new = False

    def bounds(self, partition: int, timeout_s: float = 15.0) -> tuple[int, int]:
        """(what is still there, the next offset)."""
        return self._begins[partition], len(self._records[self._commands][partition])

    def read_at(self, partition: int, offset: int) -> Record | None:
        """The record at an offset."""
        records = self._records[self._commands][partition]
        offset = max(offset, self._begins[partition])
        return records[offset] if offset < len(records) else None

    def read_some(self, partition: int, offsets: Sequence[int]) -> list[Record]:
        """The records at these offsets."""
        return [found for offset in offsets if (found := self.read_at(partition, offset))]

    def read_all(
        self, topic: str, partition: int = 0, since: int = 0, at_most: int | None = None
    ) -> list[Record]:
        """All records of a topic's partition, from an offset on."""
        begin = self._begins[partition] if topic == self._commands else 0
        found = self._records[topic][partition] if topic in self._records else []
        return found[max(begin, since) :][:at_most]

    def ensure_topics(self, topics: Sequence[TopicSettings]) -> None:
        """Make the topics that do not exist."""
        for settings in topics:
            known = self._settings.setdefault(settings.name, settings)
            if known.partitions != settings.partitions:
                raise LogFatal(f"topic {settings.name} has {known.partitions} partitions")
            self._records.setdefault(settings.name, [[] for _ in range(settings.partitions)])

    def truncate(self, partition: int, before: int) -> None:
        """Nobody reads what is before this."""
        self._begins[partition] = max(self._begins[partition], before)

    def reach(self, timeout_s: float) -> None:
        """Memory is always there."""

    def follower(self) -> MemoryFollower:
        """A reader beside the owner."""
        return MemoryFollower(self, self._commands)

    # Faults that a test wants.

    def cut(self, partition: int) -> None:
        """Lose the last record of commands."""
        self._records[self._commands][partition].pop()

    def forget_marks(self) -> None:
        """Lose the engine's marks."""
        for number in range(self.partitions):
            self._marks.pop((self._commands, "", number), None)

    # What its consumers use.

    def fetch(self, topic: str, partition: int, start: int, records_max: int) -> list[Record]:
        """Records of a topic's partition from an offset on."""
        return self._records[topic][partition][start : start + records_max]

    def members(self, topic: str, group: str) -> list[MemoryConsumer]:
        """The members of a group."""
        return self._members[topic, group]

    def survey(self, topics: Sequence[TopicSettings]) -> Survey:
        """Memory has no settings."""
        return Survey()

    def backlog(self, topic: str, group: str, *, heads: bool = False) -> Backlog:
        """What waits for a group."""
        there = self._records.get(topic, [])
        marks = [self.group_mark(topic, group, number) for number in range(len(there))]
        spans = [Span(len(there[n]) - mark, n, mark) for n, mark in enumerate(marks)]
        return backlog_from(spans, lambda span: there[span.number][span.mark], heads=heads)

    def group_mark(self, topic: str, group: str, partition: int) -> int:
        """Where a group reads on."""
        return self._marks.get((topic, group, partition), Mark(0)).next_offset

    def set_group_mark(self, topic: str, group: str, partition: int, next_offset: int) -> None:
        """What a group has done with."""
        self._marks[topic, group, partition] = Mark(next_offset)

    def partitions_of(self, topic: str) -> int:
        """How many partitions a topic has; it is made if it can be."""
        if topic not in self._records:
            settings = self._on_demand(topic)
            if settings is None:
                raise LogFatal(f"there is no topic {topic}")
            self.ensure_topics([settings])
        return len(self._records[topic])

    def add_partitions(self, topic: str, count: int) -> None:
        """What an operator can do to a topic of Kafka's."""
        self._records[topic] += [[] for _ in range(count)]

    def _refusal(self, message: Message) -> Refused | None:
        size = len(message.key or b"") + len(message.value or b"")
        if size > RECORD_BYTES_MAX:
            return Refused(
                message, "TOO_LARGE", f"{size} bytes, a record may have {RECORD_BYTES_MAX}"
            )
        try:
            self.partitions_of(message.topic)
        except LogFatal as error:
            return Refused(message, "NO_TOPIC", str(error))
        return None

    def _append(self, message: Message) -> Position:
        partitions = self._records[message.topic]
        number = message.partition
        if number is None:
            number = partition_of(message.key or b"", len(partitions))
        records = partitions[number]
        records.append(
            Record(
                message.topic,
                number,
                len(records),
                self._clock_ms(),
                message.key,
                message.value,
                dict(message.headers),
            )
        )
        return Position(number, len(records) - 1)


class MemoryFollower:
    """See port.Follower."""

    def __init__(self, log: MemoryLog, commands: str) -> None:
        self._log = log
        self._commands = commands
        self._next: dict[int, int] = {}

    def follow(self, partition: int, next_offset: int) -> None:
        """Read from here on."""
        self._next[partition] = next_offset

    def leave(self, partition: int) -> None:
        """Read it no more."""
        self._next.pop(partition, None)

    def poll(self, records_max: int) -> list[Record]:
        """What is there."""
        polled: list[Record] = []
        for number, start in self._next.items():
            begin, end = self._log.bounds(number)
            if not begin <= start <= end:
                self.leave(number)
                raise Gone(number, f"the log has {begin} to {end}, not {start}")
            chunk = self._log.fetch(self._commands, number, start, records_max - len(polled))
            self._next[number] = start + len(chunk)
            polled += chunk
        return polled

    def marks(self, partitions: Sequence[int]) -> dict[int, Mark]:
        """The engine's marks."""
        marks = {number: self._log.committed(number) for number in partitions}
        return {number: mark for number, mark in marks.items() if mark is not None}

    def close(self) -> None:
        """Nothing to let go of."""


class MemoryConsumer:
    """A member of a group: partition p belongs to member p modulo the number of members."""

    def __init__(self, log: MemoryLog, topic: str, group: str) -> None:
        self._log = log
        self._topic = topic
        self._group = group
        self._read: dict[int, int] = {}
        log.members(topic, group).append(self)
        for member in log.members(topic, group):
            member.rebalance()

    def rebalance(self) -> None:
        """Members came or went: read on from what is committed."""
        members = self._log.members(self._topic, self._group)
        mine = range(members.index(self), self._log.partitions_of(self._topic), len(members))
        self._read = {
            number: self._log.group_mark(self._topic, self._group, number) for number in mine
        }

    def poll(self, records_max: int, timeout_s: float) -> list[Record]:
        """What is there; never waits."""
        polled: list[Record] = []
        for number, start in self._read.items():
            chunk = self._log.fetch(self._topic, number, start, records_max - len(polled))
            self._read[number] = start + len(chunk)
            polled += chunk
        return polled

    def attend(self) -> int:
        """How many partitions it has."""
        return len(self._read)

    def commit(self, partition: int, next_offset: int) -> None:
        """Done with all before."""
        self._log.set_group_mark(self._topic, self._group, partition, next_offset)

    def close(self) -> None:
        """Leave the group."""
        members = self._log.members(self._topic, self._group)
        if self in members:
            members.remove(self)
            for member in members:
                member.rebalance()
