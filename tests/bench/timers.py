"""Timers: how late a client sees a run end that an EXTERNAL_EVENT's time-out ends."""

from __future__ import annotations

from tests.bench.client import Client
from tests.bench.figures import Figures, percentile
from tests.bench.plan import RUN_S_MAX, Plan
from tests.bench.process import BenchError


def lateness(client: Client, plan: Plan) -> list[list[float]]:
    """Milliseconds between due and seen, by repetition."""
    return [client.timers(plan.timers, RUN_S_MAX) for _ in range(plan.repetitions)]


def add_lateness(figures: Figures, key: str, samples: list[list[float]]) -> None:
    """p50 and p99 of each repetition."""
    for repetition in samples:
        figures.add(f"{key}_ms_p50", "ms", percentile(repetition, 50))
    for repetition in samples:
        figures.add(f"{key}_ms_p99", "ms", percentile(repetition, 99))


def measure_timers(figures: Figures, client: Client, plan: Plan) -> None:
    """On Kafka."""
    try:
        add_lateness(figures, "timer_lateness_kafka", lateness(client, plan))
    except BenchError as error:
        figures.fail("timer_lateness_kafka_ms_p99", error)
