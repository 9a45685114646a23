"""How far groups have come, asked by consumers that join none.

The admin client would be one for all groups. But librdkafka (2.16) ends the process in it once a
broker answers that it does not coordinate the group, as one does that has just started, or is about
to stop: it has the coordinator looked for in the client's own group, and that client has none (its
issue 5040). A consumer has one, which costs a client and a connection a group: some are kept.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from penstock.log.kafka.clients import client_settings, error_of, log_error, making
from penstock.log.port import LogUnavailable

KEPT_MAX: Final = 16
TRY_S: Final = 3.0


class Committed:
    """Any thread may ask."""

    def __init__(self, bootstrap: str, settings: Mapping[str, str]) -> None:
        self._settings = {
            **client_settings(bootstrap, settings),
            "enable.auto.commit": False,
            "isolation.level": "read_uncommitted",  # what was committed, whether it may be undone
        }
        self._idle: OrderedDict[str, Any] = OrderedDict()  # the one that was used last is last
        self._lock = Lock()

    def of(self, group: str, topic: str, partitions: int, timeout_s: float) -> dict[int, int]:
        """By partition; those of which the group has said nothing are left out. Raises a LogError
        if there is no answer in time. One client that waits may do so for a broker that was gone
        and is back, so a second one is asked.
        """
        until_s = time.monotonic() + timeout_s
        wanted = [TopicPartition(topic, number) for number in range(partitions)]
        while True:
            left_s = until_s - time.monotonic()
            try:
                return self._asked(group, wanted, min(max(left_s, 0.0), TRY_S))
            except LogUnavailable:
                if left_s <= TRY_S:
                    raise

    def _asked(self, group: str, wanted: list[TopicPartition], timeout_s: float) -> dict[int, int]:
        what = f"asking for the offsets of {group}"
        with self._consumer(group) as consumer:
            try:
                found: list[TopicPartition] = consumer.committed(wanted, timeout=timeout_s)
            except KafkaException as raised:
                raise log_error(what, error_of(raised)) from raised
        for one in found:
            if one.error is not None:
                raise log_error(what, one.error)
        return {one.partition: one.offset for one in found if one.offset >= 0}

    @contextmanager
    def _consumer(self, group: str) -> Generator[Any]:
        """Nobody else has it meanwhile. One that has failed is not kept."""
        with self._lock:
            consumer = self._idle.pop(group, None)
        if consumer is None:
            with making("a client that asks for offsets"):
                consumer = Consumer({**self._settings, "group.id": group})
        else:
            consumer.poll(0)  # what it has to tell of itself, which nobody wants to hear
        gone: list[Any] = [consumer]
        try:
            yield consumer
            gone = self._kept(group, consumer)
        finally:
            for one in gone:
                one.close()

    def _kept(self, group: str, consumer: Any) -> list[Any]:
        """Keep it for who asks next; those that go for it."""
        with self._lock:
            others = [self._idle.pop(group)] if group in self._idle else []
            self._idle[group] = consumer
            while len(self._idle) > KEPT_MAX:
                others.append(self._idle.popitem(last=False)[1])
        return others

    def close(self) -> None:
        """Let go of those that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, OrderedDict()
        for consumer in idle.values():
            consumer.close()
