"""Tasks held because their topic is not there: the fold is told once it is (R7). A topic that is
there and still refuses them is tried ever more seldom: each try is a dead letter a task.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from penstock.contracts.topics import Topics
from penstock.core.commands.topic_ready import TopicReady
from penstock.core.definitions.defs import HeldTask
from penstock.core.state.rows import Rows
from penstock.log.port import EngineLog, LogError, LogUnavailable, Message
from penstock.processor.delivery import Courier
from penstock.processor.partition import Partition
from penstock.processor.recovery import rest_until_s

LOOK_S: Final = 5.0
REST_S_MAX: Final = 300.0

logger = logging.getLogger("penstock.processor")


class HeldTasks:
    """Looks now and then whether the topics are there."""

    def __init__(self, log: EngineLog, topics: Topics, courier: Courier) -> None:
        self._log = log
        self._topics = topics
        self._courier = courier
        self._look_s = 0.0
        self._rests: dict[str, tuple[float, float]] = {}  # of a topic: how long, until when

    def ready(self, partitions: Iterable[tuple[int, Partition]]) -> Iterator[Message]:
        """What is to be told, if it is time to look."""
        now_s = time.monotonic()
        if now_s < self._look_s:
            return
        self._look_s = now_s + LOOK_S
        before: dict[str, tuple[float, float]] = self._rests
        self._rests = {}
        try:
            yield from self._told(partitions, before, now_s)
        except LogUnavailable as error:  # the fold waits while brokers are asked
            logger.warning("topics are not looked at for a while: %s", error)
            self._look_s = rest_until_s(now_s, LOOK_S)
            self._rests = before | self._rests

    def _told(
        self,
        partitions: Iterable[tuple[int, Partition]],
        before: Mapping[str, tuple[float, float]],
        now_s: float,
    ) -> Iterator[Message]:
        for number, partition in partitions:
            held = Rows(partition.store).scan(HeldTask)
            for tenant, task_def in sorted({(row.tenant, row.task_def) for row in held}):
                topic = self._topics.task(tenant, task_def)
                rest_s, until_s = before.get(topic, (LOOK_S, 0.0))
                if now_s >= until_s and self._topic_is_there(topic):
                    command = TopicReady(task_def=task_def)
                    yield self._courier.command(number, command, tenant=tenant)
                    rest_s, until_s = min(2 * rest_s, REST_S_MAX), now_s + rest_s
                self._rests[topic] = self._rests.get(topic, (rest_s, until_s))

    def _topic_is_there(self, topic: str) -> bool:
        settings = self._topics.on_demand(topic)
        assert settings is not None, "it is a task topic"
        try:
            self._log.ensure_topics([settings])
        except LogUnavailable:
            raise
        except LogError as error:
            logger.warning("topic %s is not ready: %s", topic, error)
            return False
        return True
