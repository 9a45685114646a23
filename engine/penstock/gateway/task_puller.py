"""Takes records of a TaskDef's topic, in a thread of its own, as many as somebody wants and no
more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from penstock.contracts.topics import TopicSettings
from penstock.log.port import Consumer, EngineLog, LogError, LogFatal, Record

POLL_S: Final = 0.5
ATTEND_S: Final = 1.0  # the members of a group wait for each when one joins

logger = logging.getLogger("penstock.gateway")


class Puller:
    """One consumer, used by one thread. `came`, `failed` and `wanted_elsewhere`, which says that
    others read the topic while nobody has asked here for long, are called in that thread.
    """

    def __init__(
        self,
        *,
        log: EngineLog,
        settings: TopicSettings,
        group: str,
        came: Callable[[list[Record]], None],
        failed: Callable[[LogError], None],
        wanted_elsewhere: Callable[[], None],
        shared_idle_s: float,
    ) -> None:
        self._log = log
        self._settings = settings
        self._group = group
        self._came = came
        self._failed = failed
        self._wanted_elsewhere = wanted_elsewhere
        self._shared_idle_s = shared_idle_s
        self._attend_s = min(ATTEND_S, shared_idle_s)
        self._polled_s = time.monotonic()
        self._unused_since_s: float | None = None
        self._turn = threading.Condition()
        self._wanted = 0
        self._on_the_way = 0
        self._done: dict[int, int] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="penstock-tasks", daemon=True)
        self._thread.start()

    def want(self, count: int) -> None:
        """How many records are wanted from now on, those included that `came` was told of but
        `arrived` was not.
        """
        with self._turn:
            self._wanted = max(0, count - self._on_the_way)
            self._turn.notify()

    def arrived(self, count: int) -> None:
        """So many records that `came` was told of are where they are wanted."""
        with self._turn:
            self._on_the_way -= count

    def done(self, partition: int, next_offset: int) -> None:
        """All before `next_offset` is done with."""
        with self._turn:
            self._done[partition] = next_offset
            self._turn.notify()

    def used(self, now: bool) -> None:
        """Whether somebody asks."""
        self._unused_since_s = None if now else time.monotonic()

    def stop(self) -> None:
        """Leave the group, soon."""
        with self._turn:
            self._stopping = True
            self._turn.notify()

    def join(self, timeout_s: float) -> None:
        """Wait until the group is left."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        consumer: Consumer | None = None
        failure: LogError | None = LogFatal("its reader has ended by a defect")
        try:
            self._log.ensure_topics([self._settings])
            consumer = self._log.consumer(self._settings.name, self._group)
            while self._step(consumer):
                pass
            failure = None
        except LogError as error:
            failure = error
        finally:  # whatever it was: who waits would wait for ever
            if failure is not None:
                logger.warning("tasks of %s can not be read: %s", self._settings.name, failure)
                self._failed(failure)
            if consumer is not None:
                consumer.close()

    def _step(self, consumer: Consumer) -> bool:
        """Wait for something to do, and do it; False when it is time to stop."""
        with self._turn:
            self._turn.wait_for(
                lambda: self._wanted or self._done or self._stopping,
                self._attend_s,
            )
            wanted, stopping = self._wanted, self._stopping
            done, self._done = self._done, {}
        for partition, next_offset in done.items():
            consumer.commit(partition, next_offset)
        if stopping:
            return False
        if not wanted:
            if time.monotonic() - self._polled_s >= self._attend_s:
                self._attend(consumer)
            return True
        records = consumer.poll(wanted, POLL_S)
        self._polled_s = time.monotonic()
        if records:
            with self._turn:
                self._wanted = max(0, self._wanted - len(records))
                self._on_the_way += len(records)
            self._came(records)
        return True

    def _attend(self, consumer: Consumer) -> None:
        """Others may join; what they have in common with us is theirs when nobody asks here."""
        count = consumer.attend()
        since_s = self._unused_since_s
        if since_s is None or time.monotonic() - since_s < self._shared_idle_s:
            return
        if count < self._settings.partitions:
            self._wanted_elsewhere()
