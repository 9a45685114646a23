"""Drivers: one way to send commands, take tasks and look at rows, over any of the three logs.

A scenario is written once against `Driver`. On the memory log time is virtual and everything
happens at once; on the real ones the processor runs in its thread, and the driver waits for
answers, never for a while.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.contracts.wire import Sent, outgoing
from penstock.core.command import Command
from penstock.core.commands.tick import Tick
from penstock.core.ids import partition_of_run, wf_run_id_of
from penstock.core.state.keys import Scope, after_prefix, run_prefix
from penstock.core.state.outputs import Answer, ScheduledTask, WorkerSignal
from penstock.core.state.partition_state import Shard
from penstock.core.state.rows import Row, Rows
from penstock.log.embedded import EmbeddedLog
from penstock.log.kafka import KafkaEngineLog
from penstock.log.memory import MemoryLog
from penstock.log.port import Consumer, EngineLog, Message, Record
from penstock.processor.answers import Answered
from penstock.processor.partition import Partition
from penstock.processor.preflight import preflight
from penstock.processor.processor import RECORDS_PER_POLL_MAX, Processor
from penstock.processor.recovery import Opener
from penstock.processor.verdicts import read_rulings
from penstock.store.memory import MemoryStore, MemoryStores
from penstock.store.port import Stores
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore, RowView

R = TypeVar("R", bound=Row)

WAIT_S = 40.0
START_MS = 1_700_000_000_000


class Clock:
    """Virtual time."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


class Driver:
    """An engine under test."""

    def __init__(
        self,
        *,
        log: EngineLog,
        topics: Topics,
        stores: Stores | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.log = log
        self.topics = topics
        self.avro = Avro()
        self.clock = clock
        self.stores = stores or MemoryStores()
        self._consumers: dict[str, Consumer] = {}
        self._ids = 0
        preflight(log, topics)
        self.processor = self._begin()

    records_per_poll = RECORDS_PER_POLL_MAX
    folding: Path | None = None

    def _begin(self) -> Processor:
        opener = Opener(
            log=self.log,
            avro=self.avro,
            topics=self.topics,
            stores=self.stores,
            lock_wait_s=1.0,
            adopt_log=False,
            folding=self.folding,
        )
        processor = Processor(
            log=self.log,
            avro=self.avro,
            topics=self.topics,
            opener=opener,
            records_per_poll=self.records_per_poll,
        )
        if self.clock is None:
            processor.start()
        else:
            processor.subscribe()
        return processor

    def restart(self) -> None:
        """Stop the processor and begin again on the same log and stores."""
        self.processor.stop()
        self.processor = self._begin()

    # Faults, on the memory log.

    def lose_stores(self) -> None:
        """The disk is gone."""
        self.processor.stop()
        self.memory_stores.clear()

    def swap_stores(self, one: int, other: int) -> None:
        """Somebody has mixed up the directories."""
        self.processor.stop()
        stores = self.memory_stores
        stores[one], stores[other] = stores[other], stores[one]

    @property
    def memory_stores(self) -> dict[int, MemoryStore]:
        """What is kept in memory, by partition."""
        assert isinstance(self.stores, MemoryStores)
        return self.stores.by_partition

    def cut_log(self, number: int) -> None:
        """The log has lost its last record."""
        self.processor.stop()
        assert isinstance(self.log, MemoryLog)
        self.log.cut(number)

    def forget_marks(self) -> None:
        """The group's offsets have expired."""
        self.processor.stop()
        assert isinstance(self.log, MemoryLog)
        self.log.forget_marks()

    def send(self, command: Command, *, command_id: str | None = None, **sent: Any) -> Answer:
        """Send a command as a client does, and wait for its answer."""
        future = self._append(command, command_id, **sent)
        self.settle()
        return future.result(0 if self.clock else WAIT_S).answer

    def send_together(self, *commands: Command, tenant: str = "default") -> list[Answer]:
        """Send commands at once, so that no turn of another record comes between them."""
        futures = [self._append(command, tenant=tenant) for command in commands]
        self.settle()
        return [future.result(0 if self.clock else WAIT_S).answer for future in futures]

    def wait_until_open(self) -> None:
        """Wait until all partitions are open."""
        deadline = time.monotonic() + WAIT_S
        while len(self.processor.owned()) < self.topics.partitions:
            assert time.monotonic() < deadline, self.processor.stopped
            time.sleep(0.01)

    def settle(self) -> None:
        """On the memory log: do all there is to do now."""
        if self.clock is None:
            return
        quiet_steps = 0
        while quiet_steps < 2:  # the first may bring a Tick to append, which the second one folds
            before = self._ends()
            self.step()
            quiet = self._ends() == before and self._folded_all()
            quiet_steps = quiet_steps + 1 if quiet else 0

    def step(self) -> None:
        """On the memory log: one round of the processor."""
        self.processor.step()

    def pass_ms(self, duration_ms: int) -> None:
        """Let time pass; what comes due is done."""
        if self.clock is None:
            time.sleep(duration_ms / 1_000)
            return
        self.clock.now_ms += duration_ms
        self.tick()

    def tick(self) -> None:
        """On the memory log the ticker can not know the virtual time: say that it passes."""
        courier = self.processor._courier
        for number in range(self.topics.partitions):
            self.log.append_and_wait(courier.command(number, Tick(), tenant="default"))
        self.settle()

    def tasks(self, task_def: str, count: int = 1, tenant: str = "default") -> list[ScheduledTask]:
        """The next tasks of a TaskDef's queue, in order."""
        topic = self.topics.task(tenant, task_def)
        consumer = self._consumers.get(topic)
        if consumer is None:
            consumer = self._consumers[topic] = self.log.consumer(topic, f"workers.{topic}")
        tasks: list[ScheduledTask] = []
        deadline = time.monotonic() + WAIT_S
        while len(tasks) < count and time.monotonic() < deadline:
            for record in consumer.poll(count - len(tasks), 0.2):
                tasks.append(self._task(record))
            if self.clock is not None:
                break
        return tasks

    def get(self, kind: type[R], *parts: Any, tenant: str = "default") -> R | None:
        """A row: of a run (by its id first), or else of partition 0."""
        number = 0
        if kind.SCOPE is Scope.RUN:
            number = partition_of_run(str(parts[0]), self.topics.partitions)
        view = self.processor.view(number)
        assert view is not None, self.processor.stopped
        if kind.SCOPE is not Scope.PARTITION:
            parts = (tenant, *parts)
        return Rows(view).peek(kind, *parts)

    def scan(self, kind: type[R], *parts: Any, tenant: str = "default") -> list[R]:
        """Rows of a run, in order."""
        number = partition_of_run(str(parts[0]), self.topics.partitions)
        view = self.processor.view(number)
        assert view is not None
        prefix = kind.key(tenant, *parts)
        return [row for _, row in view.scan(kind, prefix, after_prefix(prefix))]

    def rows_of_run(self, wf_run_id: str, tenant: str = "default") -> dict[bytes, bytes]:
        """All rows of a run, of whatever kind, as they are stored."""
        number = partition_of_run(wf_run_id, self.topics.partitions)
        view = self.processor.view(number)
        assert view is not None
        prefix = run_prefix(tenant, wf_run_id)
        return dict(view._view.scan(prefix, after_prefix(prefix)))

    def signals(self) -> list[WorkerSignal]:
        """What was signalled to workers."""
        records = self.log.read_all(self.topics.worker_signals)
        return [cast(WorkerSignal, self.avro.decode(record.value or b"")[0]) for record in records]

    def everywhere(self, kind: type[R], *parts: Any) -> list[R]:
        """Rows of the partitions themselves, of all of them; of definitions, those of a tenant."""
        prefix = kind.key(*parts)
        return [
            row
            for _, view in self._views()
            for _, row in view.scan(kind, prefix, after_prefix(prefix))
        ]

    def keys_of_partition(self, number: int, end: bytes) -> list[bytes]:
        """The keys of all rows of a partition."""
        view = self.processor.view(number)
        assert view is not None
        return list(view.keys(b"", end))

    def events(self) -> list[Any]:
        """All that was told to the outside."""
        found: list[Any] = []
        for number in range(self.topics.partitions):
            for record in self.log.read_all(self.topics.events, number):
                found.append(self.avro.decode(record.value or b"")[0])
        return found

    def dead_letters(self) -> list[Any]:
        """What could not be handled."""
        records = self.log.read_all(self.topics.dead_letters)
        return [self.avro.decode(record.value or b"", 2**21)[0] for record in records]

    def digests(self) -> list[str]:
        """Of the live stores, each as far as it has come."""
        return [view.digest() for _, view in self._views()]

    def digests_and_refolds_agree(self, batch: int = 7) -> bool:
        """Whether folds of the same log from its beginning, in memory and in batches of another
        size, give the same rows as the live stores have (I1)."""
        return all(
            view.digest() == refold(self, number, batch, view.position().next_offset)
            for number, view in self._views()
        )

    def _views(self) -> Iterator[tuple[int, RowView]]:
        for number in self.processor.owned():
            view = self.processor.view(number)
            if view is not None:
                yield number, view

    def close(self) -> None:
        """Stop."""
        self.processor.stop()
        for consumer in self._consumers.values():
            consumer.close()
        self.log.close()

    def new_id(self) -> str:
        """An id that a client library would derive."""
        self._ids += 1
        return wf_run_id_of("default", f"run-{self._ids}")

    def _append(
        self,
        command: Command,
        command_id: str | None = None,
        *,
        tenant: str = "default",
        principal: str = "test",
        not_after_ms: int | None = None,
    ) -> Future[Answered]:
        if command_id is None:
            self._ids += 1
            command_id = f"c{self._ids}"
        sent = Sent(command=command, tenant=tenant, principal=principal, not_after_ms=not_after_ms)
        out = outgoing(self.avro, sent, command_id)
        future = self.processor.expect(tenant, command_id)
        self.log.append_and_wait(
            Message(self.topics.commands, out.key, out.value, out.headers, out.partition)
        )
        return future

    def _task(self, record: Record) -> ScheduledTask:
        task, _ = self.avro.decode(record.value or b"")
        assert isinstance(task, ScheduledTask)
        return task

    def _ends(self) -> list[int]:
        return [self.log.bounds(number)[1] for number in range(self.topics.partitions)]

    def _folded_all(self) -> bool:
        positions = [self.processor.position(number) for number in range(self.topics.partitions)]
        return all(
            position == end
            for number, (position, end) in enumerate(zip(positions, self._ends(), strict=True))
            if number not in self.processor.stopped
        )


def refold(driver: Driver, number: int, batch: int, until: int) -> str:
    """The digest of a fold from offset 0, muted, in memory."""
    log = driver.log
    partition = Partition(
        shard=Shard(number, driver.topics.partitions),
        store=RowStore(MemoryStore()),
        avro=driver.avro,
        mark=until,
        rulings=read_rulings(log, driver.avro, driver.topics, number),
    )
    records = [
        record for record in log.read_all(driver.topics.commands, number) if record.offset < until
    ]
    for start in range(0, len(records), batch):
        partition.write(partition.fold(records[start : start + batch]))
    return partition.view().digest()


@contextmanager
def memory_driver(
    directory: Path, partitions: int = 3, kind: type[Driver] = Driver
) -> Iterator[Driver]:
    """A driver in memory, with virtual time."""
    clock = Clock()
    topics = Topics("test", partitions)
    log = MemoryLog(
        commands=topics.commands, partitions=partitions, on_demand=topics.on_demand, clock_ms=clock
    )
    driver = kind(log=log, topics=topics, clock=clock)
    with closing(driver):
        driver.settle()
        yield driver


@contextmanager
def embedded_driver(directory: Path, partitions: int = 2) -> Iterator[Driver]:
    """A driver on the embedded log and RocksDB."""
    topics = Topics("test", partitions)
    log = EmbeddedLog(
        directory / "log",
        commands=topics.commands,
        partitions=partitions,
        on_demand=topics.on_demand,
    )
    yield from _on_disk(log, topics, directory)


@contextmanager
def kafka_driver(
    directory: Path, bootstrap: str, cluster: str, partitions: int = 2
) -> Iterator[Driver]:
    """A driver on real Kafka and RocksDB."""
    topics = Topics(cluster, partitions)
    log = KafkaEngineLog(
        bootstrap,
        commands=topics.commands,
        partitions=partitions,
        on_demand=topics.on_demand,
        group=f"{cluster}.engine",
    )
    yield from _on_disk(log, topics, directory)


def _on_disk(log: EngineLog, topics: Topics, directory: Path) -> Iterator[Driver]:
    stores = RocksStores(directory / "stores")
    with closing(Driver(log=log, topics=topics, stores=stores)) as driver:
        driver.wait_until_open()
        yield driver
