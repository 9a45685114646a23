"""The speed of this machine: the bare loop that the goals were set by (goals.py), one task a run;
with linger under load, and without it for one in flight.
"""

from __future__ import annotations

from typing import Final

from tests.bench.cluster import Ceiling, Kafka
from tests.bench.figures import Figures, percentile
from tests.bench.latency import WARM_UP_RUNS
from tests.bench.plan import RUN_S_MAX, Plan
from tests.bench.process import BenchError
from tests.bench.throughput import count_for, spent_us, warm_up
from tests.bench.transport import LINGER_MS
from tests.bench.workflows import WF1

KEY: Final = "bare_per_s"


def measure_bare(figures: Figures, kafka: Kafka, partitions: int, plan: Plan) -> None:
    """What the goals here are stretched by."""
    try:
        with Ceiling(kafka, "bare", partitions=partitions, linger_ms=LINGER_MS, lean=True) as loop:
            if not figures.has("wf1_per_s"):
                warm_up(plan, loop.client)
            count = count_for(loop.client, WF1, plan)
            for _ in range(plan.repetitions):
                before = loop.usage()
                figures.add(KEY, "1/s", count / loop.client.pipelined(WF1, count, RUN_S_MAX))
                for process, cost_us in spent_us(before, loop.usage(), count).items():
                    figures.add(f"bare_{process}_cpu_us", "us a run", cost_us)
        with Ceiling(kafka, "bare0", partitions=partitions, linger_ms=0, lean=True) as prompt:
            prompt.client.one_by_one(WF1, WARM_UP_RUNS, RUN_S_MAX)
            for _ in range(plan.repetitions):
                took_ms = prompt.client.one_by_one(WF1, plan.latency_runs, RUN_S_MAX)
                for percent in (50, 99):
                    figures.add(f"bare_latency_ms_p{percent}", "ms", percentile(took_ms, percent))
    except BenchError as error:
        figures.fail(KEY, error)
