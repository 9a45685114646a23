"""Reading from Kafka: workers as members of a group, and single looks at a partition.

Rules
- Nothing may wait that need not: the broker answers a fetch as soon as it has a byte, and a poll
  returns with what has come.
- Positions are offsets, never counts: a partition's end is where the broker says it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock, Thread
from typing import Any, Final

from confluent_kafka import (
    OFFSET_END,
    OFFSET_INVALID,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka import Consumer as Client
from confluent_kafka import Message as KafkaMessage

from penstock.log.kafka.clients import (
    HOPELESS,
    NO_TOPIC,
    PASSING,
    REQUEST_TIMEOUT_S,
    as_log_errors,
    client_settings,
    error_of,
    log_error,
    logger,
    making,
    patiently,
    record_of,
)
from penstock.log.port import LogFatal, LogUnavailable, Record

COMMIT_INTERVAL_MS: Final = 100
NEW_TOPIC_LOOK_MS: Final = 3000
QUEUED_KIB_MAX: Final = 32 * 1024
READ_CHUNK: Final = 1000
SKIP_MAX: Final = 200
LOOK_BYTES: Final = 4_096  # one record comes, however large it is
LOOK_TIMEOUT_S: Final = 3.0  # where others wait, and there is another way
SESSION_TIMEOUT_MS: Final = 10_000
HEARTBEAT_MS_MAX: Final = 250  # by heartbeats members hear that another one has come or gone


def consumer_settings(bootstrap: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """What all our consumers have."""
    return {
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "partition.assignment.strategy": "cooperative-sticky",
        "allow.auto.create.topics": False,
        "fetch.min.bytes": 1,
        "fetch.wait.max.ms": 500,  # an empty fetch; the first record ends it
        "fetch.error.backoff.ms": 50,
        "fetch.queue.backoff.ms": 5,
        "queued.min.messages": 10_000,
        "queued.max.messages.kbytes": QUEUED_KIB_MAX,
        **client_settings(bootstrap, settings),
    }


def group_settings(
    group: str,
    session_timeout_ms: int,
    client_id: str = "",
    heartbeat_ms_max: int = HEARTBEAT_MS_MAX,
) -> dict[str, Any]:
    """What a member of a group has besides; by `client_id` others know it in the group."""
    named = {"client.id": client_id} if client_id else {}
    return {
        **named,
        "group.id": group,
        "session.timeout.ms": session_timeout_ms,
        "heartbeat.interval.ms": max(min(session_timeout_ms // 10, heartbeat_ms_max), 50),
    }


def poll_messages(client: Client, messages_max: int, timeout_s: float) -> list[KafkaMessage]:
    """What is there; waits only while there is nothing. `consume` alone would wait for all."""
    first = client.poll(timeout_s)
    if first is None:
        return []
    return [first, *client.consume(messages_max - 1, 0)] if messages_max > 1 else [first]


class KafkaConsumer:
    """See port.Consumer. A topic that does not exist is waited for.

    `left` hears, within `poll`, `attend` and `close`, which partitions go to another member when it
    returns: what it commits counts. True says that they have gone already, and nothing counts.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        group: str,
        *,
        settings: Mapping[str, str] | None = None,
        session_timeout_ms: int = SESSION_TIMEOUT_MS,
        client_id: str = "",
        left: Callable[[KafkaConsumer, Sequence[int], bool], None] | None = None,
    ) -> None:
        self._topic = topic
        self._left = left
        self._gone: set[int] = set()  # while this poll lasts
        self._done: dict[int, int] = {}
        self._closed = False
        self._attends = False  # all is paused
        all_settings = {
            **consumer_settings(bootstrap, settings or {}),
            **group_settings(group, session_timeout_ms, client_id),
            "auto.offset.reset": "earliest",
            # `commit` stores, and librdkafka commits what is stored: often, when a partition goes,
            # and on closing. So a commit costs no request of its own.
            "enable.auto.commit": True,
            "auto.commit.interval.ms": COMMIT_INTERVAL_MS,
            "topic.metadata.refresh.interval.ms": NEW_TOPIC_LOOK_MS,
        }
        with making(f"a consumer of {topic}"):
            self._client = Client(all_settings)
            self._client.subscribe(
                [topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
            )

    def poll(self, records_max: int, timeout_s: float) -> list[Record]:
        """Up to `records_max` records, as soon as there is one."""
        with as_log_errors(f"reading {self._topic}"):
            return self._poll(records_max, time.monotonic() + timeout_s)

    def _poll(self, records_max: int, deadline: float) -> list[Record]:
        if self._attends:
            self._client.resume(self._client.assignment())
            self._attends = False
        while True:
            if self._closed:
                raise LogFatal("the consumer is closed")
            left_s = max(deadline - time.monotonic(), 0)
            self._gone.clear()
            messages = poll_messages(self._client, records_max, left_s)
            records = [record_of(message) for message in messages if self._is_record(message)]
            if records or time.monotonic() >= deadline:
                return records

    def attend(self) -> int:
        """Take part in the group, and take nothing: all stays paused until the next `poll`."""
        with as_log_errors(f"attending {self._topic}"):
            if not self._attends:
                self._client.pause(self._client.assignment())
                self._attends = True
            message = self._client.poll(0)  # no record comes behind a pause
            if message is not None:
                self._is_record(message)
            return len(self._client.assignment())

    def commit(self, partition: int, next_offset: int) -> None:
        """All before `next_offset` is done with."""
        if self._closed or next_offset <= self._done.get(partition, 0):
            return
        self._done[partition] = next_offset
        try:
            done = TopicPartition(self._topic, partition, next_offset)
            self._client.store_offsets(offsets=[done])
        except KafkaException as raised:  # it went to another member, who will see these again
            logger.info("a commit for %s came late: %s", self._topic, error_of(raised))

    def close(self) -> None:
        """Leave the group at once, with all commits sent. From the thread that polls."""
        if not self._closed:
            left, self._left = self._left, None
            try:
                with as_log_errors(f"leaving {self._topic}"):
                    # Now: of what is stored while it closes nothing is committed.
                    if left is not None:
                        left(self, [one.partition for one in self._client.assignment()], False)
                    self._client.close()
            finally:
                self._closed = True

    def _assigned(self, client: Client, partitions: list[TopicPartition]) -> None:
        for partition in partitions:  # what was done in an earlier time of ours says nothing now
            self._done.pop(partition.partition, None)
            self._gone.discard(partition.partition)
        client.incremental_assign(partitions)
        if self._attends:
            client.pause(partitions)
        else:
            client.resume(partitions)  # the client remembers of those that went paused

    def _revoked(self, client: Client, partitions: list[TopicPartition]) -> None:
        self._go(client, partitions, are_lost=False)

    def _lost(self, client: Client, partitions: list[TopicPartition]) -> None:
        self._go(client, partitions, are_lost=True)

    def _go(self, client: Client, partitions: list[TopicPartition], *, are_lost: bool) -> None:
        numbers = [one.partition for one in partitions]
        self._gone.update(numbers)
        try:
            if self._left is not None:
                self._left(self, numbers, are_lost)
        finally:
            client.incremental_unassign(partitions)

    def _is_record(self, message: KafkaMessage) -> bool:
        error = message.error()
        if error is None:
            return message.partition() not in self._gone  # it was taken a moment before
        if error.fatal() or (error.code() in HOPELESS and error.code() not in NO_TOPIC):
            raise log_error(f"reading {self._topic}", error)
        logger.debug("reading %s: %s", self._topic, error)  # librdkafka tries again
        return False


class KafkaReads:
    """Looks at partitions that need not be ours. Any thread may look.

    A broker answers a connection's requests one by one, so a question waits for the fetch before
    it: bounds are asked for by a client that never fetches, and each reading has a client of its
    own, which is cheap (a few ms) and rare. Single records, on which the opening of a partition
    waits, are read by one that stays.
    """

    def __init__(self, bootstrap: str, group: str, settings: Mapping[str, str]) -> None:
        self._settings = {
            **consumer_settings(bootstrap, settings),
            "group.id": group,  # never joined, and nothing is committed
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
        }
        self._settings.pop("max.poll.interval.ms", None)  # for who polls: it may not be below 45 s
        self._asking = Lock()
        self._asker: Client | None = None
        self._looking = Lock()
        self._looker: Client | None = None

    @as_log_errors("looking at the log")
    def bounds(
        self, topic: str, partition: int, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> tuple[int, int]:
        """First offset and end of a partition, asked of the broker now. A client without an answer
        goes: it looks for another leader only of partitions that it was assigned, and it has none.
        """
        if not self._asking.acquire(timeout=timeout_s):
            raise LogUnavailable(f"the bounds of {topic} {partition}: others are asking still")
        try:
            if self._asker is None:
                self._asker = Client(self._settings)
            return _bounds(self._asker, topic, partition, timeout_s)
        except LogUnavailable:
            asker, self._asker = self._asker, None
            assert asker is not None
            Thread(target=asker.close, name="penstock-close", daemon=True).start()
            raise
        finally:
            self._asking.release()

    def place(self, topic: str, partition: int, known: int | None) -> int:
        """Where to assign a partition; one that is not to be read yet at its end, which is never
        out of range. A number is best: where librdkafka itself looks for the end, an answer that
        comes after a seek takes its place, and records are passed over.
        """
        if known is not None:
            return known
        try:
            return self.bounds(topic, partition, LOOK_TIMEOUT_S)[1]
        except LogUnavailable:
            return OFFSET_END

    def close(self) -> None:
        """Let go of the clients."""
        with self._asking:
            asker, self._asker = self._asker, None
        with self._looking:
            looker, self._looker = self._looker, None
        for one in (asker, looker):
            if one is not None:
                one.close()

    @as_log_errors("looking at the log")
    def first(self, topic: str, partition: int, offset: int) -> Record | None:
        """The first record at or after an offset; None at the end as of this call."""
        begin, end = self.bounds(topic, partition)
        if offset >= end:
            return None
        with self._looking:
            looker = self._looker
            if looker is None:
                settings = {"fetch.wait.max.ms": 5, "fetch.message.max.bytes": LOOK_BYTES}
                looker = Client({**self._settings, **settings, "queued.min.messages": 1})
            self._looker = None
            looker.assign([TopicPartition(topic, partition, max(begin, offset))])
            try:
                record = self._next(looker, f"{topic} {partition}:{offset}")
                looker.unassign()
                self._looker = looker
            finally:
                if self._looker is None:  # nobody knows what it is about
                    looker.close()
        return record

    @as_log_errors("looking at the log")
    def read_some(self, topic: str, partition: int, offsets: Sequence[int]) -> list[Record]:
        """The records at these rising offsets. One that lies near is read on to; to one that lies
        far, the client is sent: a fetch costs a few milliseconds.
        """
        client = Client({**self._settings, "fetch.wait.max.ms": 5, "queued.min.messages": 1})
        records: list[Record] = []
        try:
            begin, end = _bounds(client, topic, partition)
            wanted = [offset for offset in offsets if begin <= offset < end]
            next_offset: int | None = None
            for offset in wanted:
                if next_offset is None or offset - next_offset > SKIP_MAX:
                    client.assign([TopicPartition(topic, partition, offset)])
                    next_offset = offset
                while next_offset <= offset:
                    record = self._next(client, f"{topic} {partition}:{offset}")
                    if record is None:
                        return records
                    next_offset = record.offset + 1
                    if record.offset == offset:
                        records.append(record)
            return records
        finally:
            client.close()

    def _next(self, client: Client, what: str) -> Record | None:
        """The next record; None at the end."""
        message = client.poll(REQUEST_TIMEOUT_S)
        if message is None:
            raise LogUnavailable(f"{what} can not be read")
        error = message.error()
        if error is None:
            return record_of(message)
        if error.code() == KafkaError._PARTITION_EOF:
            return None
        raise log_error(f"reading {what}", error)

    @as_log_errors("looking at the log")
    def read(self, topic: str, partition: int, offset: int, records_max: int) -> list[Record]:
        """Up to `records_max` records at or after an offset, up to the end as of this call."""
        begin, end = self.bounds(topic, partition)
        next_offset = max(begin, offset)
        records: list[Record] = []
        if next_offset >= end:
            return records
        client = Client(self._settings)
        deadline = time.monotonic() + REQUEST_TIMEOUT_S
        try:
            client.assign([TopicPartition(topic, partition, next_offset)])
            while next_offset < end and len(records) < records_max:
                chunk = min(records_max - len(records), READ_CHUNK)
                for message in poll_messages(client, chunk, max(deadline - time.monotonic(), 0)):
                    deadline = time.monotonic() + REQUEST_TIMEOUT_S
                    error = message.error()
                    if error is not None and error.code() == KafkaError._PARTITION_EOF:
                        next_offset = end
                    elif error is not None:
                        raise log_error(f"reading {topic} {partition}:{next_offset}", error)
                    else:
                        record = record_of(message)
                        next_offset = record.offset + 1
                        if record.offset < end:
                            records.append(record)
                if time.monotonic() > deadline:
                    raise LogUnavailable(f"{topic} {partition}:{next_offset} can not be read")
            return records
        finally:
            client.close()


def _bounds(
    client: Client, topic: str, partition: int, timeout_s: float = REQUEST_TIMEOUT_S
) -> tuple[int, int]:
    asked = TopicPartition(topic, partition)
    return patiently(
        f"the bounds of {topic} {partition}",
        lambda: client.get_watermark_offsets(asked, timeout=timeout_s),
        PASSING,
        timeout_s,
    )


def has_offset(partition: TopicPartition) -> bool:
    """Whether an answer about committed offsets has one."""
    return partition.offset != OFFSET_INVALID and partition.offset >= 0
