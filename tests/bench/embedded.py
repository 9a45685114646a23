"""The embedded log: engine, worker and client in one process, as in `penstock dev`."""

from __future__ import annotations

import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics, task_group
from penstock.log.embedded import EmbeddedLog
from penstock.processor.preflight import preflight
from tests.bench.client import Client
from tests.bench.engine import processor_of, wait_until_open
from tests.bench.figures import Figures
from tests.bench.latency import add_latency, latencies
from tests.bench.plan import Plan
from tests.bench.process import BenchError, in_child
from tests.bench.timers import add_lateness, lateness
from tests.bench.transport import PortSink, PortSource
from tests.bench.worker import work
from tests.bench.workflows import TASK_DEF, TENANT

CHILD_S: Final = 180.0
PREPARE_S: Final = 120.0
Samples = dict[str, list[list[float]]]


def measure_embedded(figures: Figures, partitions: int, plan: Plan) -> None:
    """Unsynced and synced, each in a process of its own."""
    modes = {"embedded": False} | ({"embedded_synced": True} if plan.synced else {})
    for name, sync in modes.items():
        try:
            samples: Samples = in_child(run_embedded, partitions, sync, plan, timeout_s=CHILD_S)
        except BenchError as error:
            figures.fail(f"latency1_{name}_ms_p50", error)
            continue
        late = samples.pop("timers")
        for key, repetitions in samples.items():
            add_latency(figures, f"{key}_{name}", repetitions)
        if not sync:
            add_lateness(figures, "timer_lateness_embedded", late)


def run_embedded(partitions: int, sync: bool, plan: Plan) -> Samples:
    """Milliseconds by figure and repetition."""
    topics = Topics("bench", partitions)
    with ExitStack() as closing:
        data = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="penstock-bench-")))
        log = EmbeddedLog(
            data / "log",
            commands=topics.commands,
            partitions=partitions,
            on_demand=topics.on_demand,
            sync=sync,
        )
        closing.callback(log.close)
        preflight(log, topics)
        processor = processor_of(log, topics, data)
        processor.start()
        closing.callback(processor.stop)
        wait_until_open(processor, partitions)
        worker = _Worker(log, topics)
        closing.callback(worker.end)
        source = PortSource(log.consumer(topics.events, "bench.client"))
        client = Client(avro=Avro(), topics=topics, sink=PortSink(log), source=source)
        closing.callback(source.close)
        client.prepare(PREPARE_S)
        samples = latencies(client, plan)
        samples["timers"] = lateness(client, plan)
        return samples


class _Worker:
    """A worker in a thread; to `work` it is a child like others."""

    def __init__(self, log: EmbeddedLog, topics: Topics) -> None:
        self.stop = threading.Event()
        topic = topics.task(TENANT, TASK_DEF)
        group = task_group(topics, TENANT, TASK_DEF)
        source = PortSource(log.consumer(topic, group))
        arguments: dict[str, Any] = {
            "avro": Avro(),
            "topics": topics,
            "source": source,
            "sink": PortSink(log),
        }
        self._thread = threading.Thread(target=work, args=(self,), kwargs=arguments, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Have it end."""
        self.stop.set()
        self._thread.join(10)
