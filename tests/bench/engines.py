"""Several engines that share the partitions: how the first figure follows. On two cores they share
those with the broker, the worker and the client, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bench.cluster import Kafka, Running
from tests.bench.figures import Figures
from tests.bench.plan import RUN_S_MAX, Plan
from tests.bench.process import BenchError
from tests.bench.throughput import count_for, spent_us
from tests.bench.workflows import WF1

NAMES: Final = {2: "two_engines", 4: "four_engines"}


def measure_engines(
    figures: Figures, kafka: Kafka, data: Path, partitions: int, plan: Plan
) -> None:
    """One number of engines after the other."""
    for engines in plan.engines:
        name = NAMES[engines]
        try:
            with Running(
                kafka,
                data / name,
                partitions=partitions,
                cluster=f"engines-{engines}",
                engines=engines,
            ) as running:
                _measure(figures, name, running, plan)
        except BenchError as error:
            figures.fail(f"wf1_{name}_per_s", error)


def _measure(figures: Figures, name: str, running: Running, plan: Plan) -> None:
    count = count_for(running.client, WF1, plan)
    for _ in range(plan.repetitions):
        before = running.usage()
        rate_per_s = count / running.client.pipelined(WF1, count, RUN_S_MAX)
        figures.add(f"wf1_{name}_per_s", "1/s", rate_per_s)
        engine_us = spent_us(before, running.usage(), count)["engine"]
        figures.add(f"wf1_{name}_engine_cpu_us", "us a run", engine_us)
