"""The marks of the engine's group on `commands`: the offsets that Kafka keeps for it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from penstock.log.kafka.clients import PASSING, REBALANCING, REQUEST_TIMEOUT_S, patiently
from penstock.log.kafka.consume import has_offset
from penstock.log.port import Fenced, Mark

logger = logging.getLogger(__name__)


class KafkaMarks:
    """Asks and tells the group's coordinator."""

    def __init__(self, client: Client, commands: str) -> None:
        self._client = client
        self._commands = commands

    def get(self, numbers: Iterable[int]) -> dict[int, Mark]:
        """The marks of those partitions that have one."""
        asked = [TopicPartition(self._commands, number) for number in numbers]
        found = patiently(
            f"the marks of partitions {_numbers(asked)}",
            lambda: _sound(self._client.committed(asked, timeout=REQUEST_TIMEOUT_S)),
            PASSING,
        )
        return {
            one.partition: Mark(one.offset, one.metadata or "") for one in found if has_offset(one)
        }

    def put(self, marks: Mapping[int, Mark]) -> None:
        """Commit all at once and wait. Raises Fenced when the group does not take it from us."""
        offsets = [
            TopicPartition(self._commands, number, mark.next_offset, mark.metadata)
            for number, mark in marks.items()
        ]
        patiently(
            f"committing partitions {_numbers(offsets)}",
            lambda: _sound(self._client.commit(offsets=offsets, asynchronous=False)),
            PASSING | REBALANCING,
        )

    def begin(self, numbers: Sequence[int], first: Mark) -> None:
        """Give partitions their first mark, as long as the group has no members.

        Once it has some, Kafka takes commits from members only, so that no mark of theirs is ever
        lowered from here. Each of them has done the same before it joined.
        """
        if not numbers:
            return
        try:
            self.put(dict.fromkeys(numbers, first))
        except Fenced:
            logger.info("partitions %s are left to the group's members", list(numbers))


def _sound(answer: Sequence[TopicPartition] | None) -> Sequence[TopicPartition]:
    """What is said of each partition; raises the first error that there is."""
    assert answer is not None
    for one in answer:
        error: KafkaError | None = one.error
        if error is not None:
            raise KafkaException(error)
    return answer


def _numbers(partitions: Sequence[TopicPartition]) -> list[int]:
    return [one.partition for one in partitions]
