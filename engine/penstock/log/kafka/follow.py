"""Reading partitions of `commands` beside their owners, for standbys: a client that names the group
and never joins it, so that it may ask for its marks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, TopicPartition
from confluent_kafka import Message as KafkaMessage

from penstock.log.kafka.clients import HOPELESS, log_error, logger, record_of
from penstock.log.kafka.consume import KafkaReads, consumer_settings, poll_messages
from penstock.log.kafka.marks import KafkaMarks
from penstock.log.port import Gone, LogUnavailable, Mark, Record

QUEUED_KIB_MAX: Final = 8 * 1024
"""What owners need comes first: less is fetched ahead than for them."""


class KafkaFollower:
    """See port.Follower."""

    def __init__(
        self,
        bootstrap: str,
        *,
        commands: str,
        group: str,
        settings: Mapping[str, str],
        reads: KafkaReads,
    ) -> None:
        self._commands = commands
        self._client = Client(
            {
                **consumer_settings(bootstrap, settings),
                "group.id": group,
                "auto.offset.reset": "error",
                "queued.max.messages.kbytes": QUEUED_KIB_MAX,
            }
        )
        self._marks = KafkaMarks(self._client, commands)
        self._reads = reads
        self._next: dict[int, int] = {}
        self._unproved: set[int] = set()  # nothing was read yet since `follow`
        self._gone: list[Gone] = []
        self._closed = False

    def follow(self, partition: int, next_offset: int) -> None:
        """Read from here on. What was fetched from elsewhere is dropped with the assignment."""
        self.leave(partition)
        self._next[partition] = next_offset
        self._unproved.add(partition)
        there = TopicPartition(self._commands, partition, next_offset)
        self._client.incremental_assign([there])

    def leave(self, partition: int) -> None:
        """Read it no more."""
        if self._next.pop(partition, None) is not None:
            self._client.incremental_unassign([TopicPartition(self._commands, partition)])

    def poll(self, records_max: int) -> list[Record]:
        """What has come. What is gone is told by the next poll: others may have come with it."""
        if self._gone:
            gone = self._gone.pop()
            self.leave(gone.partition)
            raise gone
        messages = poll_messages(self._client, records_max, 0.0)
        return [record for message in messages if (record := self._take(message))]

    def marks(self, partitions: Sequence[int]) -> dict[int, Mark]:
        """Asked of the group's coordinator."""
        return self._marks.get(partitions) if partitions else {}

    def close(self) -> None:
        """Let go of the client."""
        if not self._closed:
            self._closed = True
            self._client.close()

    def _take(self, message: KafkaMessage) -> Record | None:
        error = message.error()
        if error is not None:
            self._take_error(message, error)
            return None
        record = record_of(message)
        asked = self._next.get(record.partition)
        if asked is None or record.offset < asked or not self._is_next(record, asked):
            return None
        self._next[record.partition] = record.offset + 1
        return record

    def _is_next(self, record: Record, asked: int) -> bool:
        """Whether nothing was passed over, as for an owner (engine.py)."""
        if record.partition in self._unproved and record.offset > asked:
            try:
                first = self._reads.read(self._commands, record.partition, asked, 1)
            except LogUnavailable as error:  # of this partition: what came with it is taken
                logger.info(
                    "partition %d is read from %d again: %s", record.partition, asked, error
                )
                self.follow(record.partition, asked)
                return False
            if not first or first[0].offset != record.offset:
                logger.warning("a stale record of partition %d was dropped", record.partition)
                self.follow(record.partition, asked)
                return False
        self._unproved.discard(record.partition)
        return True

    def _take_error(self, message: KafkaMessage, error: KafkaError) -> None:
        number = message.partition()
        if error.code() == KafkaError._AUTO_OFFSET_RESET and number in self._next:
            told = f"partition {number} can not be read from {self._next[number]}: {error.str()}"
            self._gone.append(Gone(number, told))
        elif error.fatal() or error.code() in HOPELESS:
            raise log_error(f"reading {self._commands}", error)
        else:  # librdkafka tries again
            logger.debug("reading %s: %s", self._commands, error)
