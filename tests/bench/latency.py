"""Latency: one run in flight, from the append of RunWf to COMPLETED seen by the client."""

from __future__ import annotations

from typing import Final

from tests.bench.client import Client
from tests.bench.figures import Figures, percentile
from tests.bench.plan import RUN_S_MAX, Plan
from tests.bench.process import BenchError
from tests.bench.workflows import SEQ5, WF1, Workflow

WARM_UP_RUNS: Final = 20
Kind = tuple[str, Workflow, int]  # name, what is run, a weight in time
KINDS: Final[tuple[Kind, ...]] = (("latency1", WF1, 1), ("latency5", SEQ5, 2))


def measure_latency(figures: Figures, name: str, client: Client, plan: Plan) -> None:
    """On Kafka: the engine's, or that of a bare loop."""
    try:
        for key, samples in latencies(client, plan).items():
            add_latency(figures, f"{key}_{name}", samples)
    except BenchError as error:
        figures.fail(f"latency1_{name}_ms_p50", error)


def latencies(client: Client, plan: Plan) -> dict[str, list[list[float]]]:
    """Milliseconds of runs, by figure and repetition."""
    found: dict[str, list[list[float]]] = {}
    for key, workflow, weight in KINDS:
        client.one_by_one(workflow, WARM_UP_RUNS, RUN_S_MAX)
        found[key] = [
            client.one_by_one(workflow, plan.latency_runs // weight, RUN_S_MAX)
            for _ in range(plan.repetitions)
        ]
    return found


def add_latency(figures: Figures, key: str, samples: list[list[float]]) -> None:
    """p50 and p99 of each repetition."""
    for repetition in samples:
        figures.add(f"{key}_ms_p50", "ms", percentile(repetition, 50))
    for repetition in samples:
        figures.add(f"{key}_ms_p99", "ms", percentile(repetition, 99))
