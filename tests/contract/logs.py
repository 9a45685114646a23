"""The logs that the contract suite runs on, each behind the same few words."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from penstock.contracts.topics import TopicSettings
from penstock.log.embedded import EmbeddedLog
from penstock.log.kafka import KafkaEngineLog
from penstock.log.memory import MemoryLog
from penstock.log.port import Consumer, EngineLog, Message, Record

DEADLINE_S = 50.0  # less than a test may take
PARTITIONS = 4
COMMANDS_CONFIG = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
TASKS_CONFIG = {"retention.ms": "604800000"}
RECORD_BYTES_MAX = 1_048_588


class Logs(Protocol):
    """One kind of log, and one cluster of it that the test alone uses."""

    cluster: str

    def open(self) -> EngineLog:
        """Open the log; for a durable one, whatever was written before is there."""
        ...

    def close(self) -> None:
        """Close all that was opened."""
        ...


class _Logs:
    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self._opened: list[EngineLog] = []

    def on_demand(self, topic: str) -> TopicSettings | None:
        """Topics of tasks are made when they are needed; those of a tenant `small` take little."""
        if topic.startswith(f"{self.cluster}.tasks.small."):
            return TopicSettings(topic, 1, TASKS_CONFIG | {"max.message.bytes": "2000"})
        if topic.startswith(f"{self.cluster}.tasks."):
            return TopicSettings(topic, PARTITIONS, TASKS_CONFIG)
        return None

    def close(self) -> None:
        while self._opened:
            self._opened.pop().close()


class MemoryLogs(_Logs):
    """One log: memory has nothing to open again."""

    def open(self) -> EngineLog:
        if not self._opened:
            log = MemoryLog(
                commands=f"{self.cluster}.commands",
                partitions=PARTITIONS,
                on_demand=self.on_demand,
                clock_ms=lambda: time.time_ns() // 1_000_000,
            )
            self._opened.append(log)
        return self._opened[0]


class EmbeddedLogs(_Logs):
    """A directory."""

    def __init__(self, cluster: str, directory: Path) -> None:
        super().__init__(cluster)
        self.directory = directory

    def open(self, *, sync: bool = False, tail_bytes_max: int = 1 << 20) -> EmbeddedLog:
        log = EmbeddedLog(
            self.directory,
            commands=f"{self.cluster}.commands",
            partitions=PARTITIONS,
            on_demand=self.on_demand,
            sync=sync,
            tail_bytes_max=tail_bytes_max,
        )
        self._opened.append(log)
        return log


class KafkaLogs(_Logs):
    """Topics of a broker."""

    def __init__(self, cluster: str, bootstrap: str) -> None:
        super().__init__(cluster)
        self.bootstrap = bootstrap

    def open(
        self,
        *,
        group: str = "engine",
        assignment: Sequence[int] | None = None,
        client_id: str = "",
        partitions: int = PARTITIONS,
        session_timeout_ms: int = 6000,
        deliver_timeout_s: float = 30.0,
        settings: Mapping[str, str] | None = None,
    ) -> KafkaEngineLog:
        log = KafkaEngineLog(
            self.bootstrap,
            commands=f"{self.cluster}.commands",
            partitions=partitions,
            on_demand=self.on_demand,
            group=f"{self.cluster}-{group}",
            session_timeout_ms=session_timeout_ms,
            assignment=assignment,
            client_id=client_id,
            deliver_timeout_s=deliver_timeout_s,
            settings=settings,
        )
        self._opened.append(log)
        log.ensure_topics([TopicSettings(f"{self.cluster}.commands", partitions, COMMANDS_CONFIG)])
        return log


class Owner:
    """Reads what it is given, from `start` on, and keeps account."""

    def __init__(self, log: EngineLog, start: Callable[[int], int] = lambda _: 0) -> None:
        self._log = log
        self._start = start
        self.owned: set[int] = set()
        self.epochs: list[tuple[str, tuple[int, ...]]] = []

    def assigned(self, partitions: Sequence[int]) -> None:
        self.epochs.append(("assigned", tuple(partitions)))
        self.owned |= set(partitions)
        for partition in partitions:
            self._log.read_from(partition, self._start(partition))

    def revoked(self, partitions: Sequence[int]) -> None:
        self.epochs.append(("revoked", tuple(partitions)))
        self.owned -= set(partitions)

    def lost(self, partitions: Sequence[int]) -> None:
        self.epochs.append(("lost", tuple(partitions)))
        self.owned -= set(partitions)


def owner(log: EngineLog, start: Callable[[int], int] = lambda _: 0) -> Owner:
    """Subscribe, and poll until all partitions are there; what came meanwhile comes again."""
    taken = Owner(log, start)
    log.subscribe(taken)

    def all_there() -> bool:
        log.poll(1, 0.05)
        return len(taken.owned) == log.partitions

    until(all_there)
    for partition in taken.owned:
        log.read_from(partition, start(partition))
    return taken


def until(done: Callable[[], object]) -> None:
    """Call until it says yes."""
    deadline = time.monotonic() + DEADLINE_S
    while not done():
        assert time.monotonic() < deadline, "it did not come in time"


def read(log: EngineLog | Consumer, count: int, extra_s: float = 0.0) -> list[Record]:
    """Poll until `count` records have come; with `extra_s`, look for more than that."""
    records: list[Record] = []

    def enough() -> bool:
        records.extend(log.poll(1000, 0.2))
        return len(records) >= count

    until(enough)
    if extra_s:
        records.extend(log.poll(1000, extra_s))
    return records


def commands(logs: Logs, *values: bytes, partition: int | None = 0) -> list[Message]:
    """Messages for the commands topic."""
    topic = f"{logs.cluster}.commands"
    return [Message(topic, None, value, {}, partition) for value in values]


def values(records: list[Record]) -> list[bytes | None]:
    """The values of records."""
    return [record.value for record in records]
