"""Throughput: so many runs in flight, with the ceiling measured between the repetitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.bench.client import IN_FLIGHT, Client
from tests.bench.cluster import Ceiling, Running, Usage
from tests.bench.figures import Figures
from tests.bench.plan import RUN_S_MAX, Plan, runs_for
from tests.bench.process import BenchError, rss_mb
from tests.bench.workflows import EVENT, SEQ5, WF0, WF1, Workflow

WARM_UP_RUNS: Final = 2 * IN_FLIGHT


@dataclass(frozen=True, slots=True)
class Kind:
    """A workflow, the name of its figures, what one run counts for, and the goal."""

    workflow: Workflow
    key: str
    unit: str
    per_run: int = 1
    goal: str = ""


KINDS: Final = (
    Kind(WF1, "wf1", "wf1_per_s", goal=">= 6,000"),
    Kind(SEQ5, "seq5", "seq5_tasks_per_s", per_run=5, goal=">= 6,000"),
    Kind(WF0, "wf0", "wf0_per_s", goal=">= 10,000"),
    Kind(EVENT, "event_wait", "event_wait_per_s"),
)


def measure_throughput(figures: Figures, running: Running, ceiling: Ceiling, plan: Plan) -> None:
    """All kinds, one after the other."""
    for kind in KINDS:
        try:
            _measure(figures, kind, running, ceiling, plan)
        except BenchError as error:
            figures.miss(kind.unit, f"failed: {error}")
    figures.add("engine_rss_mb", "MB", rss_mb(running.engine.pid), goal="<= 400")


def _measure(figures: Figures, kind: Kind, running: Running, ceiling: Ceiling, plan: Plan) -> None:
    ours = _count(running.client, kind.workflow, plan)
    bare = _count(ceiling.client, kind.workflow, plan)
    for _ in range(plan.repetitions):
        bare_per_s = _rate(ceiling.client, kind, bare)
        before = running.usage()
        rate_per_s = _rate(running.client, kind, ours)
        spent_us = _spent_us(before, running.usage(), ours)
        figures.add(kind.unit, "1/s", rate_per_s, goal=kind.goal)
        figures.add(f"{kind.key}_ceiling_per_s", "1/s", bare_per_s)
        goal = ">= 0.3" if kind.key == "wf1" else ""
        figures.add(f"{kind.key}_ceiling_ratio", "", rate_per_s / bare_per_s, goal=goal)
        for process, cost_us in spent_us.items():
            goal = "<= 120" if (kind.key, process) == ("wf1", "engine") else ""
            figures.add(f"{kind.key}_{process}_cpu_us", "us a run", cost_us, goal=goal)


def _count(client: Client, workflow: Workflow, plan: Plan) -> int:
    """Warm up, and see how many runs fit into a repetition."""
    took_s = client.pipelined(workflow, WARM_UP_RUNS, RUN_S_MAX)
    return runs_for(WARM_UP_RUNS / took_s, plan.repetition_s)


def _rate(client: Client, kind: Kind, count: int) -> float:
    return count * kind.per_run / client.pipelined(kind.workflow, count, RUN_S_MAX)


def _spent_us(before: Usage, after: Usage, count: int) -> Usage:
    return {name: (after[name] - before[name]) * 1e6 / count for name in before}
