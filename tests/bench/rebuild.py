"""The rebuild after the loss of a disk: from the log alone, and from snapshots and what follows
them, by the processor alone and by a server; and the past of runs behind a log so long.
"""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.log.kafka import KafkaEngineLog
from penstock.processor.processor import Processor
from penstock.processor.snapshots.bringing import Place
from penstock.processor.snapshots.directory import DirectoryObjects
from penstock.processor.snapshots.restorer import Restorer
from penstock.processor.snapshots.snapshotter import Schedule, Snapshotter
from penstock.store.rocks import RocksStores
from tests.bench import past
from tests.bench.cluster import Kafka, Running
from tests.bench.engine import ServerEngine, kafka_log, processor_of, wait_until_open
from tests.bench.figures import Figures, percentile
from tests.bench.http import Http
from tests.bench.made import Long, make_log
from tests.bench.plan import Plan
from tests.bench.process import BenchError, in_child, within

CHILD_S: Final = 1_500.0
LOOK_S: Final = 0.02
CLUSTER: Final = "rebuild"
OBJECTS: Final = "objects"
KEY: Final = "rebuild_commands_per_s"
KEY_OF_SNAPSHOTS: Final = "rebuild_from_snapshots_s"
KEY_OF_RESTARTS: Final = "restart_with_snapshot_s"
KEY_OF_PAST: Final = "past_at_ms"


class Where(Struct, frozen=True):
    """The log, and the directory of what is folded from it."""

    bootstrap: str
    partitions: int
    data: Path

    def lose_stores(self) -> None:
        """The disk is gone."""
        shutil.rmtree(self.data / "stores")


class Rebuilt(Struct, frozen=True):
    """A rebuild from the log alone: rates from when the partitions are open, to the end."""

    commands: int
    seconds: float
    cpu_s: float
    past_ms: list[float]


def measure_rebuild(
    figures: Figures, kafka: Kafka, data: Path, partitions: int, plan: Plan
) -> None:
    """Of a log of its own, to which nobody but us appends once the workflows are registered."""
    where = Where(kafka.bootstrap, partitions, data / CLUSTER)
    try:
        with Running(kafka, where.data, partitions=partitions, cluster=CLUSTER):
            pass
        runs: list[Long] = in_child(run_making, where, plan.rebuild_commands, timeout_s=CHILD_S)
        for _ in range(plan.rebuilds):
            where.lose_stores()
            rebuilt: Rebuilt = in_child(run_rebuild, where, runs, timeout_s=CHILD_S)
            figures.add(KEY, "1/s", rebuilt.commands / rebuilt.seconds)
            figures.add("rebuild_commands", "", rebuilt.commands)
            figures.add("rebuild_s", "s", rebuilt.seconds)
            figures.add("rebuild_cpu_us", "us a command", rebuilt.cpu_s / rebuilt.commands * 1e6)
            for percent in (50, 99):
                key = f"{KEY_OF_PAST}_p{percent}"
                figures.add(key, "ms", percentile(rebuilt.past_ms, percent))
        in_child(run_snapshots, where, timeout_s=CHILD_S)
        in_child(run_tail, where, plan.rebuild_tail, timeout_s=CHILD_S)
        for _ in range(plan.rebuild_repetitions):
            where.lose_stores()
            took_s: float = in_child(run_restored, where, timeout_s=CHILD_S)
            figures.add(KEY_OF_SNAPSHOTS, "s", took_s)
        for _ in range(plan.rebuild_repetitions):
            where.lose_stores()
            figures.add(KEY_OF_RESTARTS, "s", _restarted_s(where, runs))
    except BenchError as error:
        for key in (KEY, KEY_OF_SNAPSHOTS, KEY_OF_RESTARTS, f"{KEY_OF_PAST}_p99"):
            if not figures.has(key):
                figures.fail(key, error)


def run_making(where: Where, commands: int) -> list[Long]:
    """Let the log grow to so many commands, by some at least; the runs that live for so long."""
    return _made(where, max(commands - _end(where), commands // 10), "made")


def run_tail(where: Where, commands: int) -> None:
    """Commands that come after the snapshots."""
    _made(where, commands, "tail")


def run_rebuild(where: Where, runs: list[Long]) -> Rebuilt:
    """Fold all of the log, and tell the past of these runs."""
    with ExitStack() as closing:
        log, processor, end = _started(closing, where)
        wait_until_open(processor, where.partitions)
        first, begun_s, begun_cpu_s = _folded(processor), time.monotonic(), time.process_time()
        _wait_for(processor, end, "the rebuild")
        seconds, cpu_s = time.monotonic() - begun_s, time.process_time() - begun_cpu_s
        topics = Topics(CLUSTER, where.partitions)
        told = past.told(processor, log, topics, runs)
        return Rebuilt(end - first, seconds, cpu_s, [took_ms for _, took_ms in told])


def run_snapshots(where: Where) -> None:
    """Take a snapshot of every partition, where all is folded."""
    with ExitStack() as closing:
        _, processor, end = _started(closing, where, takes=True)
        check = within(CHILD_S / 2, "taking snapshots")
        while _snapshot(processor) < end or _folded(processor) < end:
            check()
            time.sleep(LOOK_S)


def run_restored(where: Where) -> float:
    """Seconds from the start until all that the log comes to is there again."""
    with ExitStack() as closing:
        begun_s = time.monotonic()
        _, processor, end = _started(closing, where, restores=True)
        _wait_for(processor, end, "the rebuild from snapshots")
        return time.monotonic() - begun_s


def _restarted_s(where: Where, runs: list[Long]) -> float:
    """Of a server whose disk is gone: from the start of its process until it has answered a query
    about a run of every partition.
    """
    snapshots = ("--snapshots", str(where.data / OBJECTS), "--snapshot-every", "24h")
    begun_s = time.monotonic()
    server = ServerEngine(where.bootstrap, CLUSTER, where.partitions, where.data, *snapshots)
    try:
        server.wait_until_ready()
        with Http(server.url) as http:
            for run in runs:
                found = http.ask(f"/v1/wf-runs/{run.wf_run_id}")
                if found["status"] != "COMPLETED":
                    raise BenchError(f"{run.wf_run_id} is {found['status']}")
        return time.monotonic() - begun_s
    finally:
        server.stop()


def _made(where: Where, commands: int, name: str) -> list[Long]:
    log, topics = kafka_log(where.bootstrap, CLUSTER, where.partitions)
    try:
        return make_log(log, topics, Avro(), commands, name)
    finally:
        log.close()


def _started(
    closing: ExitStack, where: Where, *, takes: bool = False, restores: bool = False
) -> tuple[KafkaEngineLog, Processor, int]:
    """A processor at work, and where the log ends now."""
    log, topics = kafka_log(where.bootstrap, CLUSTER, where.partitions)
    closing.callback(log.close)
    end = sum(log.bounds(number)[1] for number in range(where.partitions))
    stores = RocksStores(where.data / "stores", where.partitions)
    place = Place(DirectoryObjects(where.data / OBJECTS), stores, where.data / "staging")
    snapshotter = restorer = None
    if takes:
        schedule = Schedule(every_s=0.0)
        snapshotter = Snapshotter(place=place, topic_id=log.topic_id, schedule=schedule)
        closing.callback(snapshotter.stop)
    if restores:
        restorer = Restorer(place)
        closing.callback(restorer.stop)
    processor = processor_of(log, topics, where.data, snapshotter=snapshotter, restorer=restorer)
    closing.callback(processor.stop)
    processor.start()
    return log, processor, end


def _wait_for(processor: Processor, end: int, what: str) -> None:
    check = within(CHILD_S - 60, what)
    while _folded(processor) < end:
        check()
        time.sleep(LOOK_S)


def _folded(processor: Processor) -> int:
    return sum(processor.position(number) or 0 for number in processor.owned())


def _snapshot(processor: Processor) -> int:
    """As of where the newest snapshots are."""
    assert processor.snapshots is not None
    return sum(one.next_offset for one in processor.snapshots.newest.values())


def _end(where: Where) -> int:
    log, _ = kafka_log(where.bootstrap, CLUSTER, where.partitions)
    try:
        return sum(log.bounds(number)[1] for number in range(where.partitions))
    finally:
        log.close()
