"""The tail of a topic: every record that comes after one began to look, for readers that are no
members of a group.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaException, TopicPartition

from penstock.log.kafka.clients import (
    REQUEST_TIMEOUT_S,
    as_log_errors,
    error_of,
    log_error,
    logger,
    making,
    record_of,
)
from penstock.log.kafka.consume import consumer_settings, poll_messages
from penstock.log.port import LogUnavailable, Record

LOOK_S: Final = 2.0
GROUP: Final = "penstock.tail"
"""librdkafka wants a name; without a subscription or a commit there is no such group."""


class KafkaTail:
    """Reads all partitions of a topic, from where they ended at the first poll. Used by one
    thread. A topic that does not exist is waited for, and then read from its beginning.
    """

    def __init__(
        self, bootstrap: str, topic: str, settings: Mapping[str, str] | None = None
    ) -> None:
        self._topic = topic
        all_settings = {
            **consumer_settings(bootstrap, settings or {}),
            "group.id": GROUP,
            "auto.offset.reset": "latest",  # what it stood at is not kept any more
        }
        with making(f"a reader of {topic}"):
            self._client = Client(all_settings)
        self._is_assigned = False
        self._was_missing = False

    def poll(self, records_max: int, timeout_s: float) -> list[Record]:
        """Up to `records_max` records, as soon as there is one."""
        with as_log_errors(f"reading {self._topic}"):
            return self._poll(records_max, timeout_s)

    def _poll(self, records_max: int, timeout_s: float) -> list[Record]:
        deadline = time.monotonic() + timeout_s
        if not self._is_assigned and not self._assign():
            time.sleep(timeout_s)
            return []
        messages = poll_messages(self._client, records_max, max(deadline - time.monotonic(), 0))
        records: list[Record] = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(record_of(message))
            elif error.fatal():
                raise log_error(f"reading {self._topic}", error)
            else:
                logger.debug("reading %s: %s", self._topic, error)  # librdkafka tries again
        return records

    def close(self) -> None:
        """Let go of the client."""
        self._client.close()

    def _assign(self) -> bool:
        """Stand at the end of each partition; False if there is none yet."""
        try:
            known = self._client.list_topics(self._topic, timeout=LOOK_S).topics.get(self._topic)
            numbers = [] if known is None or known.error is not None else sorted(known.partitions)
            if not numbers:
                self._was_missing = True
                return False
            self._client.assign([self._start(number) for number in numbers])
        except KafkaException as raised:
            raise LogUnavailable(f"reading {self._topic}: {error_of(raised).str()}") from raised
        self._is_assigned = True
        return True

    def _start(self, number: int) -> TopicPartition:
        asked = TopicPartition(self._topic, number)
        begin, end = self._client.get_watermark_offsets(asked, timeout=REQUEST_TIMEOUT_S)
        return TopicPartition(self._topic, number, begin if self._was_missing else end)
