"""Tasks that are held because their topic is not there: the fold is told once it is (R7)."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final

from penstock.contracts.topics import Topics
from penstock.core.commands.topic_ready import TopicReady
from penstock.core.definitions.defs import HeldTask
from penstock.core.state.rows import Rows
from penstock.log.port import EngineLog, LogError
from penstock.processor.delivery import Courier
from penstock.processor.partition import Partition

logger = logging.getLogger("penstock.processor")
LOOK_S: Final = 5.0


class HeldTopics:
    """Looks for such topics now and then, level-triggered."""

    def __init__(self, log: EngineLog, topics: Topics, courier: Courier) -> None:
        self._log = log
        self._topics = topics
        self._courier = courier
        self._look_s = 0.0

    def ask(self, partitions: Mapping[int, Partition]) -> None:
        """Append a TopicReady for each topic that is there now."""
        now_s = time.monotonic()
        if now_s < self._look_s:
            return
        self._look_s = now_s + LOOK_S
        for number, partition in partitions.items():
            held = Rows(partition.store).scan(HeldTask)
            for tenant, task_def in sorted({(row.tenant, row.task_def) for row in held}):
                if self._is_there(self._topics.task(tenant, task_def)):
                    command = TopicReady(task_def=task_def)
                    self._log.append(self._courier.command(number, command, tenant=tenant))

    def _is_there(self, topic: str) -> bool:
        settings = self._topics.on_demand(topic)
        assert settings is not None, "it is a task topic"
        try:
            self._log.ensure_topics([settings])
        except LogError as error:
            logger.warning("topic %s is not ready: %s", topic, error)
            return False
        return True
