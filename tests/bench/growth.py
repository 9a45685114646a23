"""Growth: the first figure again, with many finished runs in the store."""

from __future__ import annotations

import time

from tests.bench.cluster import Running
from tests.bench.figures import Figures
from tests.bench.plan import RUN_S_MAX, Plan, runs_for
from tests.bench.process import BenchError, rss_mb
from tests.bench.workflows import WF1


def measure_growth(figures: Figures, running: Running, plan: Plan) -> None:
    """Fill the store, and compare with the figure of the beginning."""
    deadline = time.monotonic() + plan.growth_s
    rate_per_s = figures.median("wf1_per_s")
    count = runs_for(rate_per_s, plan.repetition_s)
    done = 0
    try:
        while done < plan.growth_runs:
            if time.monotonic() > deadline:
                raise BenchError(f"{done} runs in {plan.growth_s} s, not {plan.growth_runs}")
            running.client.pipelined(WF1, count, RUN_S_MAX)
            done += count
        for _ in range(plan.repetitions):
            after_per_s = count / running.client.pipelined(WF1, count, RUN_S_MAX)
            figures.add("growth_100k_per_s", "1/s", after_per_s)
            figures.add("growth_100k_ratio", "", after_per_s / rate_per_s, goal=">= 0.85 at 1m")
        figures.add("growth_100k_engine_rss_mb", "MB", rss_mb(running.engine.pid), goal="<= 400")
    except BenchError as error:
        figures.fail("growth_100k_ratio", error)
