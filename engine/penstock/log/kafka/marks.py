"""The marks of the engine's group on `commands`: the offsets that Kafka keeps for it.

librdkafka's commit that waits knows no time limit: with a coordinator that stands still it takes a
minute and more, and the fold would stand as long. So a thread waits for it, and who commits waits
for that as long as they like. There is one at a time, so no mark is overtaken by an older one.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Final

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from penstock.log.kafka.clients import PASSING, REBALANCING, REQUEST_TIMEOUT_S, patiently
from penstock.log.kafka.consume import has_offset
from penstock.log.port import Fenced, LogUnavailable, Mark

COMMIT_TIMEOUT_S: Final = 5.0
Answer = Sequence[TopicPartition] | None

logger = logging.getLogger(__name__)


class KafkaMarks:
    """Asks and tells the group's coordinator."""

    def __init__(self, client: Client, commands: str) -> None:
        self._client = client
        self._commands = commands
        self._under_way: Future[Answer] = Future()
        self._under_way.set_result(None)
        self._in_callback = False
        self._looking = 0

    @contextmanager
    def in_callback(self) -> Generator[None]:
        """While the client calls us back it answers no other thread, and no member may be held up
        by a coordinator that stands still: there, a commit is sent, ahead of what lets the
        partitions go, and not waited for.
        """
        self._in_callback = True
        try:
            yield
        finally:
            self._in_callback = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked of the client: else it must not be closed."""
        return self._under_way.done() and not self._looking

    def get(self, numbers: Iterable[int]) -> dict[int, Mark]:
        """The marks of those partitions that have one."""
        asked = [TopicPartition(self._commands, number) for number in numbers]
        self._looking += 1
        try:
            found = patiently(
                f"the marks of partitions {_numbers(asked)}",
                lambda: _sound(self._client.committed(asked, timeout=REQUEST_TIMEOUT_S)),
                PASSING,
            )
        finally:
            self._looking -= 1
        return {
            one.partition: Mark(one.offset, one.metadata or "") for one in found if has_offset(one)
        }

    def put(self, marks: Mapping[int, Mark], *, fixed: bool = False) -> None:
        """Commit all at once and wait. Raises Fenced when the group does not take it from us, and
        LogUnavailable if nothing is known in time: it may come to be yet, before any later one.
        Partitions that are `fixed` are nobody else's: they go on, and their marks wait until the
        group's members have gone.
        """
        offsets = [
            TopicPartition(self._commands, number, mark.next_offset, mark.metadata)
            for number, mark in marks.items()
        ]
        what = f"committing partitions {_numbers(offsets)}"
        try:
            patiently(what, lambda: _sound(self._commit(offsets)), PASSING | REBALANCING)
        except Fenced as error:
            if fixed:
                raise LogUnavailable(f"{what}: the group has members: {error}") from error
            raise

    def _commit(self, offsets: list[TopicPartition]) -> Answer:
        if not self._under_way.done():
            self._wait()
        if self._in_callback:
            self._client.commit(offsets=offsets, asynchronous=True)
            return offsets
        self._under_way = answer = Future[Answer]()

        def ask() -> None:
            try:
                answer.set_result(self._client.commit(offsets=offsets, asynchronous=False))
            except (KafkaException, RuntimeError) as error:  # for who waits, or for the next one
                answer.set_exception(error)

        Thread(target=ask, name="penstock-commit", daemon=True).start()
        self._wait()
        return answer.result()

    def _wait(self) -> None:
        """Wait for what is under way, whatever comes of it."""
        try:
            self._under_way.exception(COMMIT_TIMEOUT_S)
        except TimeoutError as error:
            told = f"committing: the group's coordinator has not answered in {COMMIT_TIMEOUT_S} s"
            raise LogUnavailable(told) from error

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


def _sound(answer: Answer) -> Sequence[TopicPartition]:
    """What is said of each partition; raises the first error that there is."""
    assert answer is not None
    for one in answer:
        error: KafkaError | None = one.error
        if error is not None:
            raise KafkaException(error)
    return answer


def _numbers(partitions: Sequence[TopicPartition]) -> list[int]:
    return [one.partition for one in partitions]
