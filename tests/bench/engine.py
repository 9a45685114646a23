"""The engine under measurement: `penstock server`, or the same log, opener and processor alone."""

from __future__ import annotations

import cProfile
import functools
import pstats
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.log.kafka import KafkaEngineLog
from penstock.log.port import EngineLog
from penstock.processor.directory import listening
from penstock.processor.preflight import preflight
from penstock.processor.processor import Processor
from penstock.processor.recovery import Opener
from penstock.processor.snapshots.restorer import Restorer
from penstock.processor.snapshots.snapshotter import Snapshotter
from penstock.server.tuning import tune
from penstock.store.rocks import RocksStores
from tests.bench.process import READY, STOP_S, BenchError, Child, Parent

START_S: Final = 120.0
LOOK_S: Final = 0.005
PROFILE_LINES: Final = 60


class ServerEngine:
    """`penstock server --kafka` in a process of its own."""

    def __init__(
        self, bootstrap: str, cluster: str, partitions: int, data: Path, *options: str
    ) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._data = data
        self._output = data / "server.out"
        command = [sys.executable, "-m", "penstock.cli", "server", "--kafka", bootstrap]
        command += ["--cluster", cluster, "--partitions", str(partitions)]
        command += ["--data", str(data), "--port", "0", "--auth", "off", *options]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        self.pid = self._process.pid

    def wait_until_ready(self) -> None:
        """Until it says so."""
        deadline = time.monotonic() + START_S
        while "ready" not in self._output.read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise BenchError(f"the server does not start: {self._output.read_text()[-2_000:]}")
            time.sleep(LOOK_S)

    @property
    def url(self) -> str:
        """Where it listens, once it is ready."""
        url = listening(self._data)
        if url is None:
            raise BenchError("the server does not listen")
        return url

    def stop(self) -> None:
        """End it, by force if it takes too long."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class BareEngine:
    """The processor alone, without HTTP; it can be profiled."""

    def __init__(
        self, bootstrap: str, cluster: str, partitions: int, data: Path, profile: Path | None
    ) -> None:
        self._child = Child(run_bare_engine, bootstrap, cluster, partitions, data, profile)
        self.pid = self._child.pid

    def wait_until_ready(self) -> None:
        """Until all partitions are open."""
        self._child.wait(START_S)

    def stop(self) -> None:
        """End it."""
        self._child.stop()


def run_bare_engine(
    parent: Parent,
    bootstrap: str,
    cluster: str,
    partitions: int,
    data: Path,
    profile: Path | None,
) -> None:
    """An engine on Kafka until told to stop."""
    tune()
    log, topics = kafka_log(bootstrap, cluster, partitions)
    processor = processor_of(log, topics, data)
    profiler = cProfile.Profile()
    if profile is not None:
        anything: Any = processor
        anything._run = functools.partial(profiler.runcall, anything._run)
    processor.start()
    wait_until_open(processor, partitions)
    parent.tell(READY)
    parent.stop.wait()
    processor.stop()
    log.close()
    if profile is not None:
        with profile.open("w") as output:
            stats = pstats.Stats(profiler, stream=output)
            stats.sort_stats("tottime").print_stats(PROFILE_LINES)
            stats.sort_stats("cumulative").print_stats(PROFILE_LINES)


def kafka_log(bootstrap: str, cluster: str, partitions: int) -> tuple[KafkaEngineLog, Topics]:
    """The log of a cluster, with its fixed topics."""
    topics = Topics(cluster, partitions)
    log = KafkaEngineLog(
        bootstrap,
        commands=topics.commands,
        partitions=partitions,
        on_demand=topics.on_demand,
        group=f"{cluster}.engine",
    )
    preflight(log, topics)
    return log, topics


def processor_of(
    log: EngineLog,
    topics: Topics,
    data: Path,
    *,
    snapshotter: Snapshotter | None = None,
    restorer: Restorer | None = None,
) -> Processor:
    """A processor that is not started yet, on RocksDB."""
    avro = Avro()
    opener = Opener(
        log=log,
        avro=avro,
        topics=topics,
        stores=RocksStores(data / "stores", topics.partitions),
        lock_wait_s=STOP_S,
        adopt_log=False,
        restorer=restorer,
    )
    return Processor(log=log, avro=avro, topics=topics, opener=opener, snapshots=snapshotter)


def wait_until_open(processor: Processor, partitions: int) -> None:
    """Until all partitions are open."""
    deadline = time.monotonic() + START_S
    while len(processor.owned()) < partitions:
        if time.monotonic() > deadline:
            raise BenchError(f"the partitions do not open: {processor.stopped}")
        time.sleep(LOOK_S)
