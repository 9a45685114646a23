"""How long it takes to tell the past of runs that lived as long as a long log grew.

The bench asks where it has just rebuilt Kafka's. `python -m tests.bench.past 1000000` does the same
on the embedded log, in one process, and tells of each moment.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.gateway.past import history_as_of, run_as_of, sees_all
from penstock.log.embedded import EmbeddedLog
from penstock.log.port import EngineLog
from penstock.processor.past import Past
from penstock.processor.processor import Processor
from penstock.store.rocks import RocksStores
from tests.bench.figures import percentile
from tests.bench.made import Long, make_log
from tests.bench.workflows import TENANT, definitions
from tests.scenarios.driver import Driver

PARTS: Final = 10
"""Moments that are asked for, evenly over the life of a run."""
LOOK_S: Final = 0.05
Told = tuple[str, float]  # what was asked for, and the milliseconds that it took


def told(processor: Processor, log: EngineLog, topics: Topics, runs: Iterable[Long]) -> list[Told]:
    """Tell each run and its history, as of now and of moments of its life."""
    avro = Avro()
    return [
        one
        for run in runs
        for at in _moments(run, log.bounds(run.partition)[1])
        for one in _told(processor, log, topics, avro, run, at)
    ]


def _moments(run: Long, end: int) -> list[str | None]:
    parts = [run.begin + (end - 1 - run.begin) * part // PARTS for part in range(PARTS + 1)]
    return [None, *(f"{run.partition}:{offset}" for offset in parts)]


def _told(
    processor: Processor, log: EngineLog, topics: Topics, avro: Avro, run: Long, at: str | None
) -> Iterator[Told]:
    view = processor.view(run.partition)
    assert view is not None, processor.stopped
    for what, tell in (("run", run_as_of), ("history", history_as_of)):
        past = Past(log=log, avro=avro, topics=topics, number=run.partition, view=view)
        begun_s = time.perf_counter()
        tell(past, TENANT, run.wf_run_id, at, run.partition, sees_all)
        yield f"{what} at {at}", (time.perf_counter() - begun_s) * 1_000


def measure(directory: Path, commands: int) -> None:
    """Say how long it took to make and fold the log, and to tell the past at several positions."""
    topics = Topics("past", 1)
    log = EmbeddedLog(
        directory / "log", commands=topics.commands, partitions=1, on_demand=topics.on_demand
    )
    stores = RocksStores(directory / "stores", topics.partitions)
    with closing(Driver(log=log, topics=topics, stores=stores)) as driver:
        driver.wait_until_open()
        for command in definitions():
            driver.send(command)
        driver.processor.stop()
        begun_s = time.monotonic()
        runs = make_log(log, topics, driver.avro, commands, "made")
        end = log.bounds(0)[1]
        said(f"{end} records, made in {time.monotonic() - begun_s:.0f} s")
        begun_s = time.monotonic()
        driver.restart()
        while (driver.processor.position(0) or 0) < end:
            time.sleep(LOOK_S)
        said(f"folded in {time.monotonic() - begun_s:.0f} s")
        found = told(driver.processor, log, topics, runs)
        for what, took_ms in found:
            said(f"{what}: {took_ms:.1f} ms")
        said(f"p99 {percentile([took_ms for _, took_ms in found], 99):.1f} ms")


def said(text: str) -> None:
    """A line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        measure(Path(made), int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
