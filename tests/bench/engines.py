"""Several engines that share the partitions: how the first figure follows. On two cores they share
those with the broker, the worker and the client, too.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.bench.cluster import Kafka, Running
from tests.bench.figures import Figures
from tests.bench.plan import RUN_S_MAX, Plan
from tests.bench.process import BenchError
from tests.bench.throughput import WARM, count_for, settled, spent_us, warm_up
from tests.bench.workflows import WF1

NAMES: Final = {2: "two_engines", 4: "four_engines"}


def measure_engines(
    figures: Figures, kafka: Kafka, data: Path, partitions: int, plan: Plan
) -> None:
    """One number of engines after the other, in turn with one engine."""
    for engines in plan.engines:
        name = NAMES[engines]
        try:
            with ExitStack() as closing:
                several, one = (
                    closing.enter_context(
                        Running(
                            kafka,
                            data / f"{name}-{number}",
                            partitions=partitions,
                            cluster=f"engines-{engines}-{number}",
                            engines=number,
                        )
                    )
                    for number in (engines, 1)
                )
                if not figures.has(WARM):
                    warm_up(plan, several.client, one.client)
                _measure(figures, name, several, one, plan)
        except BenchError as error:
            figures.fail(f"wf1_{name}_per_s", error)


def _measure(figures: Figures, name: str, several: Running, one: Running, plan: Plan) -> None:
    counts = {running: count_for(running.client, WF1, plan) for running in (several, one)}
    for repetition in range(plan.repetitions):
        rates: dict[Running, float] = {}
        for running in (several, one) if repetition % 2 else (one, several):
            count, before = counts[running], running.usage()
            rates[running] = count / running.client.pipelined(WF1, count, RUN_S_MAX)
            engine_us = spent_us(before, settled(running.usage), count)["engine"]
            if running is several:
                figures.add(f"wf1_{name}_engine_cpu_us", "us a run", engine_us)
        figures.add(f"wf1_{name}_per_s", "1/s", rates[several])
        figures.add(f"wf1_{name}_ratio", "", rates[several] / rates[one])
