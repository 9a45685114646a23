"""Stores with many finished runs: folded in this process's children, with no broker and no worker,
and kept under build/ for the next time; a change of the engine's rows has them made anew.

The runs are of one task, spread over a day, and can be found by what they were given. A copy is
made to belong to a log that has just begun: what it holds was folded from another one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.contracts.wire import Sent, outgoing
from penstock.core.command import Command
from penstock.core.ids import partition_of_run
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.partition_state import Shard
from penstock.log.memory import MemoryLog
from penstock.log.port import Record
from penstock.processor.partition import Batch, Partition
from penstock.store.port import IDENTITY_KEY, POSITION_KEY, Identity, StorePosition
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore
from tests.bench.client import IN_FLIGHT
from tests.bench.process import READY, BenchError, Child, Parent
from tests.bench.workflows import FOUND, INPUT, definitions, report_of
from tests.scenarios.driver import START_MS, Clock, Driver

ROOT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = ROOT / "build" / "bench"
SOURCES: Final = ("engine/penstock/core", "engine/penstock/contracts", "engine/penstock/store")
FILL_S: Final = 1_800.0
WHOLE: Final = "whole"
DAY_MS: Final = 86_400_000
VALUES: Final = 10_000
"""Runs that were given the same number one in so many; a search for it finds them."""


def grown(count: int, partitions: int) -> Path:
    """The directory of stores with so many finished runs; made if it is not there."""
    name = f"grown-{count}-{partitions}"
    place = KEPT / f"{name}-{_hash_of_sources()}"
    if not (place / WHOLE).exists():
        for old in KEPT.glob(f"{name}-*"):
            shutil.rmtree(old)
        _define(place, partitions)
        _fill(place, count, partitions)
        (place / WHOLE).touch()
    return place


def adopt(kept: Path, stores: Path, identity: Identity, position: StorePosition) -> None:
    """Copy a partition's store, as one that stands for this position of another log."""
    number = identity.partition
    stores.mkdir(parents=True, exist_ok=True)
    with closing(RocksStores(kept).open(number)) as store:
        store.checkpoint(stores / f"partition-{number}")
    with closing(RocksStores(stores).open(number)) as store:
        encode = msgspec.msgpack.Encoder(order="deterministic").encode
        store.write({IDENTITY_KEY: encode(identity), POSITION_KEY: encode(position)})


def text_of(number: int) -> str:
    """What a run was given."""
    return f"{INPUT} {number % VALUES}"


def _hash_of_sources() -> str:
    digest = blake2b(Path(__file__).with_name("workflows.py").read_bytes(), digest_size=6)
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _define(place: Path, partitions: int) -> None:
    """Stores that know the workflows, and nothing else."""
    topics, clock = Topics("grown", partitions), Clock()
    log = MemoryLog(
        commands=topics.commands, partitions=partitions, on_demand=topics.on_demand, clock_ms=clock
    )
    with closing(Driver(log=log, topics=topics, stores=RocksStores(place), clock=clock)) as driver:
        driver.settle()
        for command in definitions():
            driver.send(command)


def _fill(place: Path, count: int, partitions: int) -> None:
    """Each core folds some of the partitions."""
    cores = min(os.cpu_count() or 1, partitions)
    children = [
        Child(run_fill, place, count, partitions, range(core, partitions, cores))
        for core in range(cores)
    ]
    try:
        for child in children:
            child.wait(FILL_S)
    finally:
        for child in children:
            child.stop()


def run_fill(parent: Parent, place: Path, count: int, partitions: int, numbers: range) -> None:
    """Fold the runs that belong to these partitions."""
    for number in numbers:
        with closing(_Filler(place, Shard(number, partitions), count)) as filler:
            while not parent.stop.is_set() and filler.goes_on():
                pass
    parent.tell(READY)


class _Filler:
    """One partition, given runs as fast as it folds them: so many start, then so many end."""

    def __init__(self, place: Path, shard: Shard, count: int) -> None:
        self._avro = Avro()
        store = RowStore(RocksStores(place, shard.partitions).open(shard.partition))
        self._partition = Partition(shard=shard, store=store, avro=self._avro, mark=0, rulings={})
        self._runs = self._ids(shard, count)
        self._pause_ms = DAY_MS * shard.partitions // (2 * max(count, 1)) + 1

    def goes_on(self) -> bool:
        """Fold the next runs; False if there are none."""
        commands = [
            command
            for number, wf_run_id in islice(self._runs, IN_FLIGHT)
            for command in FOUND.commands(wf_run_id, text_of(number))
        ]
        started = self._fold(commands)
        tasks = [
            output
            for turn in started.outputs
            for output in turn.outputs
            if isinstance(output, ScheduledTask)
        ]
        if len(tasks) != len(commands):
            raise BenchError(f"{len(tasks)} of {len(commands)} runs have a task")
        self._fold([report_of(task) for task in tasks])
        return bool(commands)

    def close(self) -> None:
        """Keep it."""
        self._partition.close()

    def _fold(self, commands: list[Command]) -> Batch:
        next_offset = self._partition.next_offset
        records = [
            self._record(command, next_offset + index) for index, command in enumerate(commands)
        ]
        batch = self._partition.fold(records)
        self._partition.write(batch)
        return batch

    def _record(self, command: Command, offset: int) -> Record:
        out = outgoing(self._avro, Sent(command=command, principal="bench"), f"c{offset}")
        at_ms = START_MS + offset * self._pause_ms
        number = self._partition.shard.partition
        return Record("commands", number, offset, at_ms, out.key, out.value, out.headers)

    @staticmethod
    def _ids(shard: Shard, count: int) -> Iterator[tuple[int, str]]:
        for number in range(count):
            wf_run_id = FOUND.id_of(str(number))
            if partition_of_run(wf_run_id, shard.partitions) == shard.partition:
                yield number, wf_run_id
