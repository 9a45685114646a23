"""Groups of the embedded log: who reads which partition of a topic, and up to where it is done.

Everything here is guarded by the log's state lock. A partition stays with its member as long as
that leaves the shares even: a member that comes or goes makes few records come again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from penstock.log.embedded.tail import Topic
from penstock.log.port import Record


class Reader:
    """Where somebody reads on, partition by partition."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.positions: dict[int, int] = {}
        self._turn = 0

    def spans(self, records_max: int) -> list[tuple[int, int, int]]:
        """Take what is there: (partition, first offset, end); partitions take turns."""
        taken: list[tuple[int, int, int]] = []
        numbers = list(self.positions)
        self._turn += 1
        for index in range(len(numbers)):
            number = numbers[(index + self._turn) % len(numbers)]
            start = self.positions[number]
            end = min(self.topic.partitions[number].next_offset, start + records_max)
            if end > start:
                taken.append((number, start, end))
                self.positions[number] = end
                records_max -= end - start
        return taken

    def put_back(self, spans: list[tuple[int, int, int]]) -> None:
        """What was taken could not be read: it comes again."""
        for number, start, end in spans:
            if self.positions.get(number) == end:
                self.positions[number] = start


class Group:
    """The members of one group on one topic."""

    def __init__(self, topic: Topic, marks: dict[int, int]) -> None:
        self._topic = topic
        self._marks = marks
        self._members: list[Reader] = []

    def join(self, member: Reader) -> None:
        """Give a new member its share."""
        self._members.append(member)
        self._share_out()

    def leave(self, member: Reader) -> None:
        """Give what a member had to the others."""
        if member in self._members:
            self._members.remove(member)
            member.positions.clear()
            self._share_out()

    def done(self, member: Reader, partition: int, next_offset: int) -> bool:
        """Move the mark; False if it is there already or the partition has another reader."""
        if partition not in member.positions or next_offset <= self._marks.get(partition, 0):
            return False
        self._marks[partition] = min(next_offset, self._topic.partitions[partition].next_offset)
        return True

    def _share_out(self) -> None:
        if not self._members:
            return
        least, more = divmod(len(self._topic.partitions), len(self._members))
        free = {partition.number for partition in self._topic.partitions}
        quotas: list[tuple[Reader, int]] = []
        by_size = sorted(self._members, key=lambda reader: -len(reader.positions))
        for index, member in enumerate(by_size):
            quota = least + (index < more)
            for number in list(member.positions)[quota:]:
                del member.positions[number]
            free -= member.positions.keys()
            quotas.append((member, quota))
        unread = sorted(free)
        for member, quota in quotas:
            while len(member.positions) < quota:
                number = unread.pop(0)
                member.positions[number] = self._marks.get(number, 0)
        self._topic.arrived.notify_all()


class GroupLog(Protocol):
    """What a consumer needs of the log."""

    def read(self, reader: Reader, records_max: int, timeout_s: float) -> list[Record]: ...


class EmbeddedConsumer:
    """A member of a group; see port.Consumer. Any thread may close it."""

    def __init__(
        self,
        log: GroupLog,
        reader: Reader,
        done: Callable[[int, int], None],
        leave: Callable[[], None],
    ) -> None:
        self._log = log
        self._reader = reader
        self._done = done
        self._leave = leave

    def poll(self, records_max: int, timeout_s: float) -> list[Record]:
        """Up to `records_max` records, as soon as there is one."""
        return self._log.read(self._reader, records_max, timeout_s)

    def attend(self) -> int:
        """How many partitions it has; the group waits for nobody here."""
        return len(self._reader.positions)

    def commit(self, partition: int, next_offset: int) -> None:
        """All before `next_offset` is done with."""
        self._done(partition, next_offset)

    def close(self) -> None:
        """Leave the group; its partitions go to the other members at once."""
        self._leave()
