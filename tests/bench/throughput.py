"""Throughput: so many runs in flight, with the ceiling measured between the repetitions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from tests.bench.client import IN_FLIGHT, Client
from tests.bench.cluster import Ceiling, Running, Usage
from tests.bench.figures import Figures
from tests.bench.plan import RUN_S_MAX, Plan, runs_for
from tests.bench.process import BenchError
from tests.bench.workflows import EVENT, FAN20, PEOPLE, SEQ5, WF0, WF1, Workflow

WARM_UP_RUNS: Final = IN_FLIGHT


@dataclass(frozen=True, slots=True)
class Kind:
    """A workflow, the name of its figures, and what one run counts for."""

    workflow: Workflow
    key: str
    unit: str
    per_run: int = 1


KINDS: Final = (
    Kind(WF1, "wf1", "wf1_per_s"),
    Kind(SEQ5, "seq5", "seq5_tasks_per_s", per_run=5),
    Kind(FAN20, "fanout20", "fanout20_tasks_per_s", per_run=20),
    Kind(WF0, "wf0", "wf0_per_s"),
    Kind(PEOPLE, "user_task", "user_task_per_s"),
    Kind(EVENT, "event_wait", "event_wait_per_s"),
)


def measure_throughput(figures: Figures, running: Running, ceiling: Ceiling, plan: Plan) -> None:
    """All kinds, one after the other."""
    warm_up(plan, ceiling.client, running.client)
    for kind in KINDS:
        with_ceiling = kind.key == "wf1" or not plan.quick
        try:
            _measure(figures, kind, running, ceiling if with_ceiling else None, plan)
        except BenchError as error:
            figures.fail(kind.unit, error)
    figures.add("engine_rss_mb", "MB", running.rss_mb)


def _measure(
    figures: Figures, kind: Kind, running: Running, ceiling: Ceiling | None, plan: Plan
) -> None:
    ours = count_for(running.client, kind.workflow, plan)
    bare = 0 if ceiling is None else count_for(ceiling.client, kind.workflow, plan)
    for _ in range(plan.repetitions):
        before = running.usage()
        rate_per_s = _rate(running.client, kind, ours)
        ours_us = spent_us(before, running.usage(), ours)
        figures.add(kind.unit, "1/s", rate_per_s)
        if ceiling is not None:
            before = ceiling.usage()
            bare_per_s = _rate(ceiling.client, kind, bare)
            loop_us = spent_us(before, ceiling.usage(), bare)["loop"]
            figures.add(f"{kind.key}_ceiling_per_s", "1/s", bare_per_s)
            figures.add(f"{kind.key}_ceiling_ratio", "", rate_per_s / bare_per_s)
            figures.add(f"{kind.key}_ceiling_loop_cpu_us", "us a run", loop_us)
        for process, cost_us in ours_us.items():
            figures.add(f"{kind.key}_{process}_cpu_us", "us a run", cost_us)


def warm_up(plan: Plan, *clients: Client) -> None:
    """Have the broker compile what it needs."""
    until = time.monotonic() + plan.warm_up_s
    while time.monotonic() < until:
        for client in clients:
            client.pipelined(WF1, WARM_UP_RUNS, RUN_S_MAX)


def count_for(client: Client, workflow: Workflow, plan: Plan) -> int:
    """Warm up, and see how many runs fit into a repetition."""
    took_s = client.pipelined(workflow, WARM_UP_RUNS, RUN_S_MAX)
    return runs_for(WARM_UP_RUNS / took_s, plan.repetition_s)


def _rate(client: Client, kind: Kind, count: int) -> float:
    return count * kind.per_run / client.pipelined(kind.workflow, count, RUN_S_MAX)


def spent_us(before: Usage, after: Usage, count: int) -> Usage:
    """CPU microseconds a run, by process."""
    return {name: (after[name] - before[name]) * 1e6 / count for name in before}
