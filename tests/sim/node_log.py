"""The log as one process of the engine has it: implements the port (log/port.py) over the hostile
broker, and dies with its process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.contracts.topics import TopicSettings
from penstock.log.port import (
    Backlog,
    Fenced,
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
from tests.sim.broker import Broker, Chance, Notice


class NodeLog:
    """The log as one process of the engine has it."""

    def __init__(self, name: str, broker: Broker) -> None:
        self.name = name
        self.broker = broker
        self.alive = True
        self.partitions = broker.topics.partitions
        self.topic_id = "sim"
        self.notices: list[Notice] = []
        self._ownership: Ownership | None = None
        self._generations: dict[int, int] = {}  # of the partitions it takes for its own
        self._next: dict[int, int] = {}

    @property
    def _chance(self) -> Chance:
        return self.broker.chance

    # Producing.

    def append(self, message: Message, on_ack: OnAck | None = None) -> None:
        """Send one message, which may come late or never."""
        self._chance.crash("before append")
        if self._chance.hits(0.05):
            if self._chance.hits(0.5):
                self.broker.land_later([message])
            return
        self.broker.land(message)
        self._chance.crash("after append")

    def append_and_wait(self, message: Message, timeout_s: float = 30.0) -> Position:
        """Send one message; the answer may be lost on its way back."""
        self._chance.crash("before append")
        if self._chance.hits(0.1):
            if self._chance.hits(0.5):
                self.broker.land(message)
            raise LogUnavailable("the answer did not come")
        position = self.broker.land(message)
        self._chance.crash("after append")
        return position

    def flush(self, timeout_s: float = 30.0) -> None:
        """Nothing is queued."""

    def close(self) -> None:
        """Nothing to let go of."""

    def deliver(
        self, messages: Sequence[Message], sent: Callable[[], None] | None = None
    ) -> list[Refused]:
        """Send all; or a part of it, now and later, and fail."""
        self._chance.crash("before deliver")
        refused = [Refused(one, "NO_TOPIC", "denied") for one in messages if not self._topic(one)]
        bad = {id(refusal.message) for refusal in refused}
        good = [message for message in messages if id(message) not in bad]
        if self._chance.hits(0.06):
            self._break_off(good)
        for message in good:
            self.broker.land(message)
        if sent is not None:
            sent()
        self._chance.crash("after deliver")
        return refused

    def _break_off(self, messages: Sequence[Message]) -> None:
        """Of each partition some land, some land later, the rest is lost; and the process may be
        gone as well."""
        groups: dict[tuple[str, bytes | None, int | None], list[Message]] = {}
        for message in messages:
            groups.setdefault((message.topic, message.key, message.partition), []).append(message)
        for group in groups.values():
            landed = self._chance.random.randint(0, len(group))
            later = self._chance.random.randint(landed, len(group))
            for message in group[:landed]:
                self.broker.land(message)
            self.broker.land_later(group[landed:later])
        self._chance.crash("within deliver", 0.4)
        raise LogUnavailable("not all was acknowledged")

    def _topic(self, message: Message) -> bool:
        """Whether the message's topic is there, or can be made."""
        if message.topic in self.broker.records:
            return not (self.broker.task_topics_denied and ".tasks." in message.topic)
        settings = self.broker.topics.on_demand(message.topic)
        if settings is None or self.broker.task_topics_denied:
            return False
        self.broker.make(settings)
        return True

    def survey(self, topics: Sequence[TopicSettings]) -> Survey:
        """Nothing is doubtful but the broker itself."""
        return Survey()

    # Owning.

    def subscribe(self, ownership: Ownership) -> None:
        """The broker tells of partitions in later polls."""
        self._ownership = ownership

    def read_from(self, partition: int, next_offset: int) -> None:
        """Read on from here."""
        if partition not in self._generations:
            raise Fenced(f"partition {partition} is not {self.name}'s")
        self._next[partition] = next_offset

    def poll(self, records_max: int, timeout_s: float) -> list[Record]:
        """What is there of some partitions; first, news of who owns what."""
        self._hear()
        if self._chance.hits(0.02):
            raise LogUnavailable("the broker is away")
        polled: list[Record] = []
        for partition, start in sorted(self._next.items()):
            if self._chance.hits(0.3):
                continue
            count = self._chance.random.choice((1, 3, 20)) if not self._chance.calm else 1_000
            records = self.broker.records[self.broker.topics.commands][partition]
            chunk = records[start : start + min(count, records_max)]
            self._next[partition] = start + len(chunk)
            polled += chunk
        if polled:
            self._chance.crash("after poll")
        return polled

    def _hear(self) -> None:
        assert self._ownership is not None
        while self.notices and (self._chance.calm or self.notices[0].from_step <= self.broker.step):
            notice = self.notices.pop(0)
            number = notice.partition
            if notice.kind == "assigned":
                if self.broker.is_owner(self, number, notice.generation):
                    self._generations[number] = notice.generation
                    self._ownership.assigned([number])
                continue
            try:
                self._let_go(notice)
            finally:
                if notice.to is not None and self.broker.is_owner(self, number, notice.generation):
                    self.broker.give(number, notice.to)

    def _let_go(self, notice: Notice) -> None:
        """As the adapter of Kafka does: what is revoked is forgotten whatever its owner says."""
        number = notice.partition
        if self._generations.get(number) != notice.generation or self._ownership is None:
            return
        if notice.kind == "lost":
            self._forget(number)
            self._ownership.lost([number])
            return
        try:
            self._ownership.revoked([number])
        finally:
            self._forget(number)

    def _forget(self, number: int) -> None:
        self._generations.pop(number, None)
        self._next.pop(number, None)

    def committed(self, partition: int) -> Mark | None:
        """The group's mark."""
        if self._chance.hits(0.02):
            raise LogUnavailable("the coordinator is away")
        return self.broker.marks.get(partition)

    def commit(self, partition: int, mark: Mark) -> None:
        """Commit, unless another one owns it; the commit or its answer may be lost."""
        self._chance.crash("before commit")
        if not self.broker.is_owner(self, partition, self._generations.get(partition)):
            raise Fenced(f"partition {partition} is not {self.name}'s")
        if self._chance.hits(0.05):
            raise LogUnavailable("the commit is lost")
        self.broker.marks[partition] = mark
        if self._chance.hits(0.03):
            raise LogUnavailable("the answer to the commit is lost")
        self._chance.crash("after commit")

    def ensure_marks(self, first: Mark) -> None:
        """Mark what nobody has read, while no process has joined; all of it, or nothing."""
        self._chance.crash("before commit")
        missing = [
            number
            for number in range(self.partitions)
            if number not in self.broker.marks and self.broker.end(number) == 0
        ]
        if self._chance.hits(0.05):
            raise LogUnavailable("the commit is lost")
        if not self.broker.owners:
            self.broker.marks |= dict.fromkeys(missing, first)
        self._chance.crash("after commit")

    # Looking.

    def bounds(self, partition: int, timeout_s: float = 15.0) -> tuple[int, int]:
        """(0, the next offset)."""
        return 0, self.broker.end(partition)

    def read_at(self, partition: int, offset: int) -> Record | None:
        """The record at an offset."""
        records = self.broker.records[self.broker.topics.commands][partition]
        return records[offset] if offset < len(records) else None

    def read_some(self, partition: int, offsets: Sequence[int]) -> list[Record]:
        """The records at these offsets."""
        return [found for offset in offsets if (found := self.read_at(partition, offset))]

    def read_all(self, topic: str, partition: int = 0, since: int = 0) -> list[Record]:
        """All records of a topic's partition, from an offset on."""
        partitions = self.broker.records.get(topic)
        return [] if partitions is None else partitions[partition][since:]

    def backlog(self, topic: str, group: str, *, heads: bool = False) -> Backlog:
        """Nobody can say: there are no groups of workers."""
        return Backlog(0)

    def ensure_topics(self, topics: Sequence[TopicSettings]) -> None:
        """Make the topics that do not exist."""
        for settings in topics:
            if self.broker.task_topics_denied and ".tasks." in settings.name:
                raise LogFatal("denied")
            self.broker.make(settings)

    def consumer(self, topic: str, group: str) -> None:
        """The simulator's workers read the broker themselves."""
        raise NotImplementedError

    def reach(self, timeout_s: float) -> None:
        """It is there."""
