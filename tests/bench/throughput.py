"""Throughput: so many runs in flight, with the ceiling measured between the repetitions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from tests.bench.client import IN_FLIGHT, Client
from tests.bench.cluster import Ceiling, Running, Usage
from tests.bench.figures import Figures
from tests.bench.plan import RUN_S_MAX, Plan, runs_for
from tests.bench.process import BenchError, rss_mb
from tests.bench.workflows import EVENT, SEQ5, WF0, WF1, Workflow

WARM_UP_RUNS: Final = IN_FLIGHT


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
    _warm_up(running.client, ceiling.client, plan)
    for kind in KINDS:
        with_ceiling = kind.key == "wf1" or not plan.quick
        try:
            _measure(figures, kind, running, ceiling if with_ceiling else None, plan)
        except BenchError as error:
            figures.fail(kind.unit, error)
    figures.add("engine_rss_mb", "MB", rss_mb(running.engine.pid), goal="<= 400")


def _measure(
    figures: Figures, kind: Kind, running: Running, ceiling: Ceiling | None, plan: Plan
) -> None:
    ours = _count(running.client, kind.workflow, plan)
    bare = 0 if ceiling is None else _count(ceiling.client, kind.workflow, plan)
    for _ in range(plan.repetitions):
        before = running.usage()
        rate_per_s = _rate(running.client, kind, ours)
        spent_us = _spent_us(before, running.usage(), ours)
        figures.add(kind.unit, "1/s", rate_per_s, goal=kind.goal)
        if ceiling is not None:
            before = ceiling.usage()
            bare_per_s = _rate(ceiling.client, kind, bare)
            loop_us = _spent_us(before, ceiling.usage(), bare)["loop"]
            figures.add(f"{kind.key}_ceiling_per_s", "1/s", bare_per_s)
            goal = ">= 0.3" if kind.key == "wf1" else ""
            figures.add(f"{kind.key}_ceiling_ratio", "", rate_per_s / bare_per_s, goal=goal)
            figures.add(f"{kind.key}_ceiling_loop_cpu_us", "us a run", loop_us)
        for process, cost_us in spent_us.items():
            goal = "<= 120" if (kind.key, process) == ("wf1", "engine") else ""
            figures.add(f"{kind.key}_{process}_cpu_us", "us a run", cost_us, goal=goal)


def _warm_up(ours: Client, bare: Client, plan: Plan) -> None:
    """Have the broker compile what it needs."""
    until = time.monotonic() + plan.warm_up_s
    while time.monotonic() < until:
        for client in (bare, ours):
            client.pipelined(WF1, WARM_UP_RUNS, RUN_S_MAX)


def _count(client: Client, workflow: Workflow, plan: Plan) -> int:
    """Warm up, and see how many runs fit into a repetition."""
    took_s = client.pipelined(workflow, WARM_UP_RUNS, RUN_S_MAX)
    return runs_for(WARM_UP_RUNS / took_s, plan.repetition_s)


def _rate(client: Client, kind: Kind, count: int) -> float:
    return count * kind.per_run / client.pipelined(kind.workflow, count, RUN_S_MAX)


def _spent_us(before: Usage, after: Usage, count: int) -> Usage:
    return {name: (after[name] - before[name]) * 1e6 / count for name in before}
