"""The rebuild after the loss of a disk: from the log alone, and from snapshots and what follows."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from penstock.processor.processor import Processor
from penstock.processor.snapshots.bringing import Place
from penstock.processor.snapshots.directory import DirectoryObjects
from penstock.processor.snapshots.restorer import Restorer
from penstock.processor.snapshots.snapshotter import Schedule, Snapshotter
from penstock.store.rocks import RocksStores
from tests.bench.cluster import CLUSTER, Running
from tests.bench.engine import kafka_log, processor_of, wait_until_open
from tests.bench.figures import Figures
from tests.bench.plan import RUN_S_MAX, Plan, runs_for
from tests.bench.process import BenchError, in_child, within
from tests.bench.workflows import WF1

CHILD_S: Final = 240.0
LOOK_S: Final = 0.002
COMMANDS_A_RUN: Final = 2
KEY: Final = "rebuild_commands_per_s"
KEY_OF_SNAPSHOTS: Final = "rebuild_from_snapshots_commands_per_s"


def measure_rebuild(figures: Figures, running: Running, plan: Plan) -> None:
    """The last figures of all: the engine is stopped for them."""
    where = (running.kafka.bootstrap, running.partitions, running.data)
    missing = plan.rebuild_commands - _commands(running)
    try:
        if missing > 0:
            running.client.pipelined(WF1, runs_for(missing / COMMANDS_A_RUN, 1), RUN_S_MAX)
        running.stop_engines()
        in_child(run_snapshots, *where, timeout_s=CHILD_S)
        for _ in range(plan.rebuild_tail):
            running.client.start(WF1)
        for _ in range(plan.rebuild_repetitions):
            shutil.rmtree(running.data / "stores")
            rate_per_s: float = in_child(run_restored, *where, timeout_s=CHILD_S)
            figures.add(KEY_OF_SNAPSHOTS, "1/s", rate_per_s)
        for _ in range(plan.rebuild_repetitions):
            shutil.rmtree(running.data / "stores")
            rate_per_s = in_child(run_rebuild, *where, plan.rebuild_s, timeout_s=CHILD_S)
            figures.add(KEY, "1/s", rate_per_s)
    except BenchError as error:
        figures.fail(KEY, error)


def run_rebuild(bootstrap: str, partitions: int, data: Path, seconds: float) -> float:
    """Commands a second, from the moment the partitions are open, to the end or for some time."""
    with ExitStack() as closing:
        processor, end = _started(closing, bootstrap, partitions, data)
        wait_until_open(processor, partitions)
        first, begun_s = _folded(processor), time.monotonic()
        while (folded := _folded(processor)) < end and time.monotonic() < begun_s + seconds:
            time.sleep(LOOK_S)
        return (folded - first) / (time.monotonic() - begun_s)


def run_snapshots(bootstrap: str, partitions: int, data: Path) -> None:
    """Take a snapshot of every partition, where all is folded."""
    with ExitStack() as closing:
        processor, end = _started(closing, bootstrap, partitions, data, takes=True)
        check = within(CHILD_S / 2, "taking snapshots")
        while _snapshot(processor) < end or _folded(processor) < end:
            check()
            time.sleep(LOOK_S)


def run_restored(bootstrap: str, partitions: int, data: Path) -> float:
    """Commands of the log a second, from the start until all that they come to is there again."""
    with ExitStack() as closing:
        begun_s = time.monotonic()
        processor, end = _started(closing, bootstrap, partitions, data, restores=True)
        check = within(CHILD_S / 2, "the rebuild from snapshots")
        while _folded(processor) < end:
            check()
            time.sleep(LOOK_S)
        return end / (time.monotonic() - begun_s)


def _started(
    closing: ExitStack,
    bootstrap: str,
    partitions: int,
    data: Path,
    *,
    takes: bool = False,
    restores: bool = False,
) -> tuple[Processor, int]:
    """A processor at work, and where the log ends now."""
    log, topics = kafka_log(bootstrap, CLUSTER, partitions)
    closing.callback(log.close)
    end = sum(log.bounds(number)[1] for number in range(partitions))
    stores = RocksStores(data / "stores")
    place = Place(DirectoryObjects(data / "objects"), stores, data / "staging")
    snapshotter = restorer = None
    if takes:
        schedule = Schedule(every_s=0.0)
        snapshotter = Snapshotter(place=place, topic_id=log.topic_id, schedule=schedule)
        closing.callback(snapshotter.stop)
    if restores:
        restorer = Restorer(place)
        closing.callback(restorer.stop)
    processor = processor_of(log, topics, data, snapshotter=snapshotter, restorer=restorer)
    closing.callback(processor.stop)
    processor.start()
    return processor, end


def _folded(processor: Processor) -> int:
    return sum(processor.position(number) or 0 for number in processor.owned())


def _snapshot(processor: Processor) -> int:
    """As of where the newest snapshots are."""
    assert processor.snapshots is not None
    return sum(one.next_offset for one in processor.snapshots.newest.values())


def _commands(running: Running) -> int:
    log, _ = kafka_log(running.kafka.bootstrap, CLUSTER, running.partitions)
    try:
        return sum(log.bounds(number)[1] for number in range(running.partitions))
    finally:
        log.close()
