"""Ways to move records: through the log port as the engine's own clients do, or barely.

The bare ones hold the ceiling: confluent-kafka with nothing around it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from confluent_kafka import Consumer as KafkaClient
from confluent_kafka import Producer as KafkaSender
from confluent_kafka import TopicPartition

from penstock.log.port import Consumer, Message, Producer

RECORDS_MAX: Final = 1_000
ROOM_S: Final = 0.01
LINGER_MS: Final = 0.5  # the best throughput of a bare loop; 0 gives the best latency
_counter = itertools.count()


class Source(Protocol):
    """Where records come from."""

    def poll(self, timeout_s: float) -> list[bytes]:
        """Values of records, as soon as there is one."""
        ...

    def done(self) -> None:
        """All that was polled is done with."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Sink(Protocol):
    """Where records go."""

    def append(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes],
        partition: int | None,
    ) -> None:  # fmt: skip
        """Send one record and do not wait."""
        ...

    def sent(self) -> None:
        """A batch was appended."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class PortSource:
    """A consumer of the log port."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._next: dict[int, int] = {}

    def poll(self, timeout_s: float) -> list[bytes]:
        """Values of records."""
        records = self._consumer.poll(RECORDS_MAX, timeout_s)
        for record in records:
            self._next[record.partition] = record.offset + 1
        return [record.value or b"" for record in records]

    def done(self) -> None:
        """Commit."""
        for partition, next_offset in self._next.items():
            self._consumer.commit(partition, next_offset)
        self._next.clear()

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


class PortSink:
    """A producer of the log port."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    def append(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes],
        partition: int | None,
    ) -> None:  # fmt: skip
        """Send one record."""
        self._producer.append(Message(topic, key, value, headers, partition))

    def sent(self) -> None:
        """Its own thread looks after it."""

    def close(self) -> None:
        """Let go."""
        self._producer.close()


class RawSource:
    """All partitions of a topic, from their ends as of now."""

    def __init__(
        self, bootstrap: str, topic: str, partitions: int, *, from_start: bool = False
    ) -> None:
        self._client = KafkaClient(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"raw-{next(_counter)}",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 500,
                "fetch.queue.backoff.ms": 5,
                "queued.min.messages": 10_000,
                "socket.nagle.disable": True,
            }
        )
        at = [TopicPartition(topic, number) for number in range(partitions)]
        bounds = [self._client.get_watermark_offsets(one, timeout=15) for one in at]
        begin = [low if from_start else high for low, high in bounds]
        self._client.assign([TopicPartition(topic, *one) for one in enumerate(begin)])

    def poll(self, timeout_s: float) -> list[bytes]:
        """Values of records."""
        first = self._client.poll(timeout_s)
        if first is None:
            return []
        messages = [first, *self._client.consume(RECORDS_MAX, 0)]
        return [message.value() or b"" for message in messages if message.error() is None]

    def done(self) -> None:
        """Nothing is committed."""

    def close(self) -> None:
        """Let go."""
        self._client.close()


class RawSink:
    """A producer with the same guarantees (idempotent, acks=all) and nothing around it."""

    def __init__(self, bootstrap: str, linger_ms: float) -> None:
        settings: dict[str, Any] = {
            "bootstrap.servers": bootstrap,
            "log_level": 3,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": linger_ms,
            "partitioner": "murmur2_random",
            "socket.nagle.disable": True,
        }
        self._client = KafkaSender(settings)

    def append(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes],
        partition: int | None,
    ) -> None:  # fmt: skip
        """Send one record; wait for room, if the broker is behind."""
        produce: Callable[..., None] = self._client.produce
        place = -1 if partition is None else partition
        while True:
            try:
                return produce(topic, value, key, place, headers=list(headers.items()))
            except BufferError:
                self._client.poll(ROOM_S)

    def sent(self) -> None:
        """Take the reports."""
        self._client.poll(0)

    def close(self) -> None:
        """Let go; a producer ends when nobody has it any more."""
        self._client.flush(5)
        del self._client
