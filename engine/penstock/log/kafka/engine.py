"""The log on Apache Kafka, for the processor: ownership, reading `commands`, marks.

Rules
- A partition that is assigned stays paused until `read_from` says where to read on; the group's
  offset is the delivered mark and not a place to read from.
- Rebalances are told inside `poll`, in its thread; each assignment of a partition is a new epoch.
  Records of partitions that are not owned, or below what was asked for, are dropped.
- What is a partition's owner's to do is for the thread that polls; all else is for any.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import RLock
from typing import Final

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, TopicPartition

from penstock.contracts.topics import TopicSettings
from penstock.log.kafka.clients import (
    REQUEST_TIMEOUT_S,
    as_log_errors,
    logger,
    patiently,
)
from penstock.log.kafka.consume import (
    SESSION_TIMEOUT_MS,
    KafkaConsumer,
    KafkaReads,
    consumer_settings,
    group_settings,
    poll_messages,
)
from penstock.log.kafka.deliver import DELIVER_TIMEOUT_S, KafkaDelivery
from penstock.log.kafka.follow import KafkaFollower
from penstock.log.kafka.groups import CONSUMER_ID
from penstock.log.kafka.marks import KafkaMarks
from penstock.log.kafka.places import TELLS_ENDS, Places
from penstock.log.kafka.produce import KafkaProducer
from penstock.log.kafka.survey import backlog_of, survey
from penstock.log.kafka.topics import KafkaTopics, OnDemand
from penstock.log.port import (
    Backlog,
    Fenced,
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
from penstock.log.readers import Reading

LOG_APPEND_TIME: Final = {"message.timestamp.type": "LogAppendTime"}
FETCH_WAIT_MS: Final = 100
HEARTBEAT_MS_MAX: Final = 100  # while nobody has heard that an owner has gone nobody takes over
POLL_SLICE_S: Final = 0.05  # so long `close` elsewhere waits for a poll, and who is assigned


class KafkaEngineLog:
    """See log/port.py. Makes no request until it is used."""

    def __init__(
        self,
        bootstrap: str,
        *,
        commands: str,
        partitions: int,
        on_demand: OnDemand,
        group: str,
        settings: Mapping[str, str] | None = None,
        session_timeout_ms: int = SESSION_TIMEOUT_MS,
        assignment: Sequence[int] | None = None,
        client_id: str = "",
        deliver_timeout_s: float = DELIVER_TIMEOUT_S,
    ) -> None:
        self._settings = settings = settings or {}
        self.partitions = partitions
        self._bootstrap = bootstrap
        self._group = group
        self._commands = commands
        self._assignment = assignment
        self._topic_id = ""
        self._topics = KafkaTopics(bootstrap, settings, on_demand)
        self._consumer = partial(
            KafkaConsumer,
            bootstrap,
            settings=settings,
            session_timeout_ms=session_timeout_ms,
            client_id=CONSUMER_ID,
        )
        self._producer = KafkaProducer(bootstrap, settings=settings, topics=self._topics)
        self._delivery = KafkaDelivery(bootstrap, settings, self._topics, deliver_timeout_s)
        self._reads = KafkaReads(bootstrap, group, settings)
        self._client = Client(
            {
                **consumer_settings(bootstrap, settings),
                **group_settings(group, session_timeout_ms, client_id, HEARTBEAT_MS_MAX),
                **TELLS_ENDS,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": FETCH_WAIT_MS,  # who starts waits for the fetch under way
            }
        )
        self._marks = KafkaMarks(self._client, commands)
        self._using = RLock()  # `close` of another thread waits for it
        self._closed = False
        self._left = False
        self._ownership: Ownership | None = None
        self._places = Places(commands, self.read_at, self._seek)
        self._assigning = False
        self._has_come = False  # something was assigned during this poll

    def append(self, message: Message, on_ack: OnAck | None = None) -> None:
        """Hand one message over."""
        self._producer.append(message, on_ack)

    def append_and_wait(self, message: Message, timeout_s: float = 30.0) -> Position:
        """Append one message and wait."""
        return self._producer.append_and_wait(message, timeout_s)

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait for what was appended."""
        self._producer.flush(timeout_s)

    def consumer(self, topic: str, group: str) -> KafkaConsumer:
        """A member of a group; the topic is made if it may be."""
        self._topics.need(topic)
        return self._consumer(topic, group)

    def workers(self, group: str) -> list[Reading]:
        """Ask the group's coordinator."""
        return self._topics.workers(group)

    def survey(self, topics: Sequence[TopicSettings]) -> Survey:
        """Ask for the settings of each."""
        return survey(self._topics, topics)

    def backlog(self, topic: str, group: str, *, heads: bool = False) -> Backlog:
        """Ask the group's coordinator and the partitions' leaders."""
        return backlog_of(self._topics, self._reads, (topic, group), heads=heads)

    def reach(self, timeout_s: float) -> None:
        """A broker answers a question about topics."""
        self._topics.describe([self._commands], timeout_s)

    def leave(self) -> None:
        """Leave the group at once; `ownership` hears nothing any more. Appending goes on."""
        self._closed = True
        with self._using:
            self._places.owned.clear()
            if not self._left:
                self._left = True
                if self._marks.is_idle:
                    self._client.close()
                else:  # nobody answers; the group notices when our session is over
                    logger.warning("the group is not told that we leave: a commit is under way")

    def close(self) -> None:
        """Leave, and let go of everything."""
        self.leave()
        with self._using:
            self._delivery.close()
        self._reads.close()
        self._topics.close()
        self._producer.close()

    # What the processor does.

    @property
    def topic_id(self) -> str:
        """Kafka's id of the commands topic; asking for it first checks the topic."""
        if not self._topic_id:
            wanted = TopicSettings(self._commands, self.partitions, LOG_APPEND_TIME)
            self._topic_id = self._topics.checked_id(wanted)
        return self._topic_id

    def subscribe(self, ownership: Ownership) -> None:
        """Join the group, or take the fixed partitions at the next poll."""
        _ = self.topic_id  # which checks the topic
        self._ownership = ownership
        self._producer.warm_up()
        self._delivery.warm_up()
        if self._assignment is None:
            self._client.subscribe(
                [self._commands],
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )

    def read_from(self, partition: int, next_offset: int) -> None:
        """Read on from here; also from within `ownership.assigned`."""
        if partition not in self._places.owned:
            raise Fenced(f"partition {partition} is not ours")
        self._places.read_from(partition, next_offset)
        if not self._assigning:
            self._seek(partition, next_offset)

    def poll(self, records_max: int, timeout_s: float) -> list[Record]:
        """Records of owned partitions."""
        deadline = time.monotonic() + timeout_s
        self._has_come = False
        while True:
            with self._using:
                if self._closed:
                    raise LogFatal("the log is closed")
                if self._assignment is not None and not self._places.owned:
                    self._take_fixed()
                left_s = min(max(deadline - time.monotonic(), 0), POLL_SLICE_S)
                if (gone := self._places.gone()) is not None:
                    self._put_back(gone.partition)
                    raise gone
                messages = poll_messages(self._client, records_max, left_s)
                # Only now: a rebalance may have come between the first message and the last.
                records = [record for message in messages if (record := self._places.take(message))]
            is_over = time.monotonic() >= deadline or self._closed
            if records or self._has_come or is_over:
                return records

    def read_out_to(self, partition: int) -> int | None:
        """The client says where it comes to an end."""
        return self._places.read_out.get(partition)

    def deliver(
        self, messages: Sequence[Message], sent: Callable[[], None] | None = None
    ) -> list[Refused]:
        """Send all and wait for all."""
        return self._delivery.deliver(messages, sent)

    def committed(self, partition: int) -> Mark | None:
        """The group's mark, asked of the coordinator."""
        return self._marks.get([partition]).get(partition)

    def commit(self, partition: int, mark: Mark) -> None:
        """Commit and wait."""
        if self._ownership is not None and partition not in self._places.owned:
            raise Fenced(f"partition {partition} is not ours")
        self._marks.put({partition: mark}, fixed=self._assignment is not None)

    def ensure_marks(self, first: Mark) -> None:
        """Mark what has no mark and was never read."""
        marked = self._marks.get(range(self.partitions))
        is_new = self._topics.was_made_here(self._commands)
        missing = [
            number
            for number in range(self.partitions)
            if number not in marked and (is_new or self.bounds(number) == (0, 0))
        ]
        self._marks.begin(missing, first)

    def bounds(self, partition: int, timeout_s: float = REQUEST_TIMEOUT_S) -> tuple[int, int]:
        """First offset and end."""
        return self._reads.bounds(self._commands, partition, timeout_s)

    def read_at(self, partition: int, offset: int) -> Record | None:
        """The first record at or after an offset."""
        return self._reads.first(self._commands, partition, offset)

    def read_some(self, partition: int, offsets: Sequence[int]) -> list[Record]:
        """The records at these offsets."""
        return self._reads.read_some(self._commands, partition, offsets)

    def read_all(
        self, topic: str, partition: int = 0, since: int = 0, at_most: int | None = None
    ) -> list[Record]:
        """Records from an offset up to the end; none if there is no such topic."""
        if not self._topics.is_there(topic):
            return []
        return self._reads.read(topic, partition, since, 2**63 if at_most is None else at_most)

    def follower(self) -> KafkaFollower:
        """A reader of its own, outside of the group."""
        return KafkaFollower(
            self._bootstrap,
            commands=self._commands,
            group=self._group,
            settings=self._settings,
            reads=self._reads,
        )

    def truncate(self, partition: int, before: int) -> None:
        """Have the brokers delete what is before an offset."""
        self._topics.truncate(self._commands, partition, before)

    def ensure_topics(self, topics: Sequence[TopicSettings]) -> None:
        """Make what is missing, check what is there."""
        self._topics.ensure(topics)

    # Ownership. All of this runs inside `poll`.

    def _take_fixed(self) -> None:
        assert self._assignment is not None and self._ownership is not None, "subscribe first"
        self._assign(self._assignment, self._client.assign)

    def _on_assign(self, client: Client, partitions: list[TopicPartition]) -> None:
        self._assign([one.partition for one in partitions], client.incremental_assign)

    def _assign(
        self, numbers: Sequence[int], assign: Callable[[list[TopicPartition]], None]
    ) -> None:
        logger.info("partitions %s have come", list(numbers))
        self._places.owned.update(dict.fromkeys(numbers))
        self._has_come = bool(numbers)
        self._assigning = True
        try:
            if self._ownership is not None and numbers and not self._closed:
                self._ownership.assigned(numbers)
        finally:
            self._assigning = False
            self._put(numbers, assign)

    def _put(self, numbers: Sequence[int], assign: Callable[[list[TopicPartition]], None]) -> None:
        """What is not to be read yet gets a place too: without one, the group's offset counts."""
        wanted = {number: self._places.owned[number] for number in numbers}
        assign([self._at(n, self._reads.place(self._commands, n, at)) for n, at in wanted.items()])
        self._client.pause([self._at(n, 0) for n, at in wanted.items() if at is None])

    def _put_back(self, number: int) -> None:
        """The client lets nobody seek in what it could not read; assigned anew, it does."""
        with as_log_errors(f"reading partition {number}"):
            self._client.incremental_unassign([self._at(number, 0)])
            self._put([number], self._client.incremental_assign)

    def _on_revoke(self, client: Client, partitions: list[TopicPartition]) -> None:
        numbers = [one.partition for one in partitions]
        try:
            if self._ownership is not None and not self._closed:
                with self._marks.in_callback():
                    self._ownership.revoked(numbers)
        finally:
            self._places.forget(numbers)
            client.incremental_unassign(partitions)

    def _on_lost(self, client: Client, partitions: list[TopicPartition]) -> None:
        numbers = [one.partition for one in partitions]
        self._places.forget(numbers)
        try:
            if self._ownership is not None and not self._closed:
                self._ownership.lost(numbers)
        finally:
            client.incremental_unassign(partitions)

    def _seek(self, partition: int, next_offset: int) -> None:
        """Go there. An assignment of a moment ago may not be in force yet."""
        there = self._at(partition, next_offset)
        patiently(
            f"reading partition {partition}", lambda: self._client.seek(there), {KafkaError._STATE}
        )
        with as_log_errors(f"reading partition {partition}"):
            self._client.resume([there])

    def _at(self, partition: int, offset: int) -> TopicPartition:
        return TopicPartition(self._commands, partition, offset)
