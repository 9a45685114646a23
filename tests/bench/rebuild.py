"""The rebuild: fold the log from offset 0 into an empty store, as after the loss of a disk."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Final

from penstock.processor.processor import Processor
from tests.bench.cluster import CLUSTER, Running
from tests.bench.engine import kafka_log, processor_of, wait_until_open
from tests.bench.figures import Figures
from tests.bench.plan import RUN_S_MAX, Plan, runs_for
from tests.bench.process import BenchError, in_child
from tests.bench.workflows import WF1

CHILD_S: Final = 240.0
LOOK_S: Final = 0.002
COMMANDS_A_RUN: Final = 2


def measure_rebuild(figures: Figures, running: Running, plan: Plan) -> None:
    """The last figure of all: the engine is stopped for it."""
    missing = plan.rebuild_commands - _commands(running)
    try:
        if missing > 0:
            running.client.pipelined(WF1, runs_for(missing / COMMANDS_A_RUN, 1), RUN_S_MAX)
        running.stop_engine()
        for _ in range(plan.rebuild_repetitions):
            shutil.rmtree(running.data / "stores")
            where = (running.kafka.bootstrap, running.partitions, running.data, plan.rebuild_s)
            rate_per_s: float = in_child(run_rebuild, *where, timeout_s=CHILD_S)
            figures.add("rebuild_commands_per_s", "1/s", rate_per_s, goal=">= 20,000")
    except BenchError as error:
        figures.fail("rebuild_commands_per_s", error)


def run_rebuild(bootstrap: str, partitions: int, data: Path, seconds: float) -> float:
    """Commands a second, from the moment the partitions are open, to the end or for some time."""
    log, topics = kafka_log(bootstrap, CLUSTER, partitions)
    end = sum(log.bounds(number)[1] for number in range(partitions))
    processor = processor_of(log, topics, data)
    processor.start()
    try:
        wait_until_open(processor, partitions)
        first, begun_s = _folded(processor), time.monotonic()
        while (folded := _folded(processor)) < end and time.monotonic() < begun_s + seconds:
            time.sleep(LOOK_S)
        return (folded - first) / (time.monotonic() - begun_s)
    finally:
        processor.stop()
        log.close()


def _folded(processor: Processor) -> int:
    return sum(processor.position(number) or 0 for number in processor.owned())


def _commands(running: Running) -> int:
    log, _ = kafka_log(running.kafka.bootstrap, CLUSTER, running.partitions)
    try:
        return sum(log.bounds(number)[1] for number in range(running.partitions))
    finally:
        log.close()
