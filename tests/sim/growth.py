"""Growth: what a step costs in a run that has lived long, against a run that is new.

`python -m tests.sim.growth --steps 100000` (or `make growth`) drives one run through as many
sequential tasks, on RocksDB, and many runs through ten. Rows read, rows and bytes written a step
are counted, and are the same on every machine; the time is measured, and may differ by 20 %.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

from penstock.contracts.avro import Avro
from penstock.contracts.wire import Sent, outgoing
from penstock.core.command import Command
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.state.outputs import Output, ScheduledTask
from penstock.core.state.partition_state import Shard
from penstock.core.state.rows import Row
from penstock.core.state.transitions import TaskStatus
from penstock.log.port import Record
from penstock.processor.partition import Partition
from penstock.store.memory import MemoryStore
from penstock.store.port import Store, StorePosition
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore
from tests.controls import a_task_def, compare, edge, ends, literal, output_of, spec, task
from tests.scenarios.driver import START_MS

R = TypeVar("R", bound=Row)

SHORT_STEPS: Final = 10
TIME_RATIO_MAX: Final = 1.2
BYTES_RATIO_MAX: Final = 1.1  # ids and counts that grow from one digit to six
STEPS_PER_SAMPLE: Final = 500
COMMANDS: Final = "growth.commands"


@dataclass(frozen=True)
class Cost:
    """What one step read and wrote."""

    reads: int
    scanned: int
    writes: int
    bytes: int


class Counting(MemoryStore):
    """A store in memory that counts the bytes written."""

    bytes_written = 0

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Count, and write."""
        self.bytes_written += sum(len(key) + len(data or b"") for key, data in changes.items())
        super().write(changes)


class CountingRows(RowStore):
    """Rows that are counted as they are read and written, from the cache or not."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.reads = self.scanned = self.writes = 0

    def get(self, kind: type[R], key: bytes) -> R | None:
        """Count, and read."""
        self.reads += 1
        return super().get(kind, key)

    def scan(self, kind: type[R], start: bytes, end: bytes) -> Iterator[tuple[bytes, R]]:
        """Count each row that is looked at."""
        for found in super().scan(kind, start, end):
            self.scanned += 1
            yield found

    def write(
        self,
        rows: Mapping[bytes, Row | None],
        position: StorePosition,
        beside: Mapping[bytes, bytes | None] | None = None,
    ) -> None:
        """Count, and write."""
        self.writes += len(rows)
        super().write(rows, position, beside)


class Engine:
    """One partition, folded record by record, that does a task as soon as it is handed out."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.rows = CountingRows(store)
        self.avro = Avro()
        self.partition = Partition(
            shard=Shard(0, 1), store=self.rows, avro=self.avro, mark=0, rulings={}
        )
        self._offsets = count()
        self.send(a_task_def("step"))
        again = task(
            "step",
            edge("exit", compare(output_of("loop"), "EQUALS", literal(value=True))),
            edge("loop"),
        )
        self.send(PutWfSpec(name="long", spec=spec("loop", {"loop": again, "exit": ends()})))

    def send(self, command: Command) -> ScheduledTask | None:
        """Fold a command; returns the first task that it handed out."""
        found = (one for one in self.fold(command) if isinstance(one, ScheduledTask))
        return next(found, None)

    def fold(self, command: Command) -> list[Output]:
        """Fold a command; returns all that went out."""
        out = outgoing(self.avro, Sent(command=command), None)
        offset = next(self._offsets)
        record = Record(COMMANDS, 0, offset, START_MS + offset, out.key, out.value, out.headers)
        batch = self.partition.fold([record])
        self.partition.write(batch)
        return [output for turn in batch.outputs for output in turn.outputs]

    def steps(self, wf_run_id: str, number: int) -> Iterator[None]:
        """Start a run and do its tasks; yields after each."""
        handed_out = self.send(RunWf(wf_spec="long", wf_run_id=wf_run_id))
        for step in range(1, number + 1):
            assert handed_out is not None
            handed_out = self.send(
                ReportTask(
                    wf_run_id=wf_run_id,
                    guid=handed_out.guid,
                    attempt=1,
                    status=TaskStatus.TASK_SUCCESS,
                    output=step == number,
                )
            )
            yield
        assert handed_out is None, "the run has ended"


def costs(steps: int, sampled: int = 5) -> tuple[list[Cost], list[Cost]]:
    """What the first steps after the start cost, and what the last before the end do."""
    store = Counting()
    engine = Engine(store)
    found: list[Cost] = []
    before = _meter(engine, store)
    for _ in engine.steps("run", steps):
        after = _meter(engine, store)
        found.append(Cost(*(now - was for now, was in zip(after, before, strict=True))))
        before = after
    return found[1 : sampled + 1], found[-sampled - 1 : -1]


def _meter(engine: Engine, store: Counting) -> tuple[int, int, int, int]:
    rows = engine.rows
    return rows.reads, rows.scanned, rows.writes, store.bytes_written


def times_us(steps: int, folder: Path) -> tuple[float, float]:
    """The time of a step on RocksDB: in runs of ten, and at the end of a long run."""
    engine = Engine(RocksStores(folder).open(0))
    short = [
        _time_us(engine, f"short-{sample}-{number}", SHORT_STEPS)
        for sample in range(10)
        for number in range(STEPS_PER_SAMPLE // SHORT_STEPS)
    ]
    samples: list[float] = []
    started_s = time.perf_counter()
    for done, _ in enumerate(engine.steps("long", steps), 1):
        if done % STEPS_PER_SAMPLE == 0:
            now_s = time.perf_counter()
            samples.append((now_s - started_s) / STEPS_PER_SAMPLE * 1e6)
            started_s = now_s
    engine.partition.close()
    return statistics.median(short), statistics.median(samples[-20:])


def _time_us(engine: Engine, wf_run_id: str, steps: int) -> float:
    """Of a step of this run; its start counts for none."""
    running = engine.steps(wf_run_id, steps)
    next(running)
    started_s = time.perf_counter()
    for _ in running:
        pass
    return (time.perf_counter() - started_s) / (steps - 1) * 1e6


def main() -> int:
    """Print both; 1 if a long run's steps cost more."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.growth")
    parser.add_argument("--steps", type=int, default=100_000)
    steps = parser.parse_args().steps
    first, last = costs(steps)
    print(f"first steps: {first[-1]}\nlast of {steps}: {last[-1]}")
    with tempfile.TemporaryDirectory() as folder:
        short_us, long_us = times_us(steps, Path(folder))
    ratio = long_us / short_us
    print(f"time: {short_us:.0f} us a step in runs of {SHORT_STEPS}, {long_us:.0f} us at the end")
    print(f"ratio {ratio:.2f}, at most {TIME_RATIO_MAX}")
    if not same(first, last):
        print(f"the rows or bytes differ: {first} and {last}")
    return int(not same(first, last) or ratio > TIME_RATIO_MAX)


def same(first: list[Cost], last: list[Cost]) -> bool:
    """Rows are the same number; a number of more digits takes a few bytes more."""
    return {(one.reads, one.scanned, one.writes) for one in first} == {
        (one.reads, one.scanned, one.writes) for one in last
    } and max(one.bytes for one in last) <= BYTES_RATIO_MAX * max(one.bytes for one in first)


if __name__ == "__main__":
    sys.exit(main())
