"""A Kafka of our own, the engine with a worker and a client on it, and the ceiling beside them."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.log.kafka import KafkaConsumer, KafkaOwners, KafkaProducer
from penstock.log.kafka.topics import KafkaTopics
from tests.bench.ceiling import run_ceiling
from tests.bench.client import Client
from tests.bench.engine import BareEngine, ServerEngine
from tests.bench.process import BenchError, Child, cpu_s, peak_mb, within
from tests.bench.transport import PortSink, PortSource, RawSink, RawSource
from tests.bench.worker import run_bare_worker, run_raw_worker, run_sdk_worker
from tests.bench.workflows import TASK_DEF, TENANT

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy" / "broker"))
from broker import Broker

CLUSTER: Final = "bench"
START_S: Final = 120.0
PREPARE_S: Final = 120.0
SHARE_S: Final = 60.0
LOOK_S: Final = 0.2
Usage = dict[str, float]  # process -> CPU seconds


class Kafka:
    """A fresh broker on loopback, stopped by its own process."""

    def __init__(self) -> None:
        self._broker = Broker()

    def __enter__(self) -> Kafka:
        self._broker.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._broker.stop()

    @property
    def bootstrap(self) -> str:
        """Where it is."""
        return self._broker.bootstrap

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._broker.pid is not None, "it runs"
        return self._broker.pid


def make_topics(bootstrap: str, topics: Topics) -> None:
    """All topics that the bench uses, so that nobody has to wait for one."""
    kafka = KafkaTopics(bootstrap, {}, topics.on_demand)
    kafka.ensure(topics.fixed())
    refusal = kafka.refusal(topics.task(TENANT, TASK_DEF))
    assert refusal is None, refusal


class Running:
    """The engine (or several that share its partitions), a worker and a client."""

    def __init__(
        self,
        kafka: Kafka,
        data: Path,
        *,
        partitions: int,
        cluster: str = CLUSTER,
        engines: int = 1,
        bare_engine: bool = False,
        bare_worker: bool = False,
        profile: Path | None = None,
    ) -> None:
        self.kafka = kafka
        self.data = data
        self.partitions = partitions
        self._cluster = cluster
        self._count = engines
        self._bare_engine = bare_engine or profile is not None
        self._work = run_bare_worker if bare_worker else run_sdk_worker
        self._profile = profile
        self._closing = ExitStack()

    def __enter__(self) -> Running:
        with ExitStack() as closing:
            bootstrap, topics = self.kafka.bootstrap, Topics(self._cluster, self.partitions)
            make_topics(bootstrap, topics)
            self.engines = [self._engine(number) for number in range(self._count)]
            closing.callback(self.stop_engines)
            self.worker = Child(self._work, bootstrap, self._cluster, self.partitions)
            closing.callback(self.worker.stop)
            consumer = KafkaConsumer(bootstrap, topics.events, f"{self._cluster}.client")
            self.client = Client(
                avro=Avro(),
                topics=topics,
                sink=PortSink(KafkaProducer(bootstrap)),
                source=PortSource(consumer),
            )
            closing.callback(self.client.close)
            for engine in self.engines:
                engine.wait_until_ready()
            self.worker.wait(START_S)
            self._wait_until_shared(topics)
            self.client.prepare(PREPARE_S)
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.close()

    @property
    def url(self) -> str:
        """Where the first engine listens; the bare one does not."""
        engine = self.engines[0]
        if not isinstance(engine, ServerEngine):
            raise BenchError("a bare engine has no HTTP")
        return engine.url

    @property
    def peak_mb(self) -> float:
        """The most memory that an engine has had."""
        return max(peak_mb(engine.pid) for engine in self.engines)

    def stop_engines(self) -> None:
        """Stop them; once is enough."""
        for engine in self.engines:
            engine.stop()

    def usage(self) -> Usage:
        """CPU seconds of each process; of the engines together."""
        return {
            "engine": sum(cpu_s(engine.pid) for engine in self.engines),
            "worker": cpu_s(self.worker.pid),
            "broker": cpu_s(self.kafka.pid),
            "client": cpu_s(os.getpid()),
        }

    def _engine(self, number: int) -> BareEngine | ServerEngine:
        data = self.data if self._count == 1 else self.data / f"engine-{number}"
        where = (self.kafka.bootstrap, self._cluster, self.partitions, data)
        return BareEngine(*where, self._profile) if self._bare_engine else ServerEngine(*where)

    def _wait_until_shared(self, topics: Topics) -> None:
        """Until every engine has some of the partitions, and every partition an engine."""
        if self._count == 1:
            return
        group = f"{self._cluster}.engine"
        asked = KafkaOwners(
            self.kafka.bootstrap, settings={}, group=group, commands=topics.commands
        )
        check = within(SHARE_S, "sharing the partitions")
        while len(urls := asked.ask().urls) < self.partitions or len(set(urls.values())) < (
            self._count
        ):
            check()
            time.sleep(LOOK_S)


class Ceiling:
    """The bare loop with a bare worker and a bare client, on topics of their own."""

    def __init__(self, kafka: Kafka, name: str, *, partitions: int, linger_ms: float) -> None:
        self._kafka = kafka
        self._where = (kafka.bootstrap, name, partitions)
        self._linger_ms = linger_ms
        self._closing = ExitStack()

    def __enter__(self) -> Ceiling:
        with ExitStack() as closing:
            bootstrap, name, partitions = self._where
            topics = Topics(name, partitions)
            make_topics(bootstrap, topics)
            self._loop = Child(run_ceiling, *self._where, self._linger_ms)
            closing.callback(self._loop.stop)
            self._worker = Child(run_raw_worker, *self._where, self._linger_ms)
            closing.callback(self._worker.stop)
            self._loop.wait(START_S)
            self._worker.wait(START_S)
            self.client = Client(
                avro=Avro(),
                topics=topics,
                sink=RawSink(bootstrap, self._linger_ms),
                source=RawSource(bootstrap, topics.events, partitions),
            )
            closing.callback(self.client.close)
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.close()

    def usage(self) -> Usage:
        """CPU seconds of each process."""
        return {
            "loop": cpu_s(self._loop.pid),
            "worker": cpu_s(self._worker.pid),
            "broker": cpu_s(self._kafka.pid),
            "client": cpu_s(os.getpid()),
        }
