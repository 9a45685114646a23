"""Throughput: so many runs in flight, with the ceiling measured between the repetitions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.bench.client import IN_FLIGHT, Client
from tests.bench.cluster import Ceiling, Running, Usage
from tests.bench.figures import Figures
from tests.bench.plan import RUN_S_MAX, Plan, runs_for
from tests.bench.process import BenchError, within
from tests.bench.workflows import EVENT, FAN20, PEOPLE, SEQ5, WF0, WF1, Workflow

WARM: Final = "wf1_per_s"  # whoever has measured this has warmed up the broker
WARM_UP_RUNS: Final = IN_FLIGHT
LOOK_S: Final = 0.25
AT_REST: Final = 0.2  # of a core, by all processes together
SETTLE_S: Final = 20.0


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
        if kind.key not in plan.kinds:
            figures.miss(kind.unit, "in the long bench only")
            continue
        with_ceiling = kind.key == "wf1" or not plan.quick
        try:
            _measure(figures, kind, running, ceiling if with_ceiling else None, plan)
        except BenchError as error:
            figures.fail(kind.unit, error)
    figures.add("engine_rss_mb", "MB", running.peak_mb)


def _measure(
    figures: Figures, kind: Kind, running: Running, ceiling: Ceiling | None, plan: Plan
) -> None:
    """In turn; whoever was last is first the next time."""
    ours = count_for(running.client, kind.workflow, plan)
    bare = 0 if ceiling is None else count_for(ceiling.client, kind.workflow, plan)

    def of_engine() -> float:
        rate_per_s = _rate(figures, kind, running, ours, "")
        figures.add(kind.unit, "1/s", rate_per_s)
        return rate_per_s

    def of_ceiling() -> float:
        assert ceiling is not None, "it is measured"
        rate_per_s = _rate(figures, kind, ceiling, bare, "ceiling_")
        figures.add(f"{kind.key}_ceiling_per_s", "1/s", rate_per_s)
        return rate_per_s

    for repetition in range(plan.repetitions):
        if ceiling is None:
            of_engine()
            continue
        if repetition % 2:
            bare_per_s, rate_per_s = of_ceiling(), of_engine()
        else:
            rate_per_s, bare_per_s = of_engine(), of_ceiling()
        figures.add(f"{kind.key}_ceiling_ratio", "", rate_per_s / bare_per_s)


def warm_up(plan: Plan, *clients: Client) -> None:
    """Have the broker compile what it needs."""
    until = time.monotonic() + plan.warm_up_s
    while time.monotonic() < until:
        for client in clients:
            client.pipelined(WF1, WARM_UP_RUNS, RUN_S_MAX)


def count_for(client: Client, workflow: Workflow, plan: Plan) -> int:
    """Warm up, and see how many runs fit into a repetition."""
    client.pipelined(workflow, WARM_UP_RUNS, RUN_S_MAX)
    took_s = client.pipelined(workflow, WARM_UP_RUNS, RUN_S_MAX)
    return runs_for(WARM_UP_RUNS / took_s, plan)


def _rate(
    figures: Figures, kind: Kind, measured: Running | Ceiling, count: int, what: str
) -> float:
    """What one repetition makes in a second; what it costs goes to the figures."""
    before = measured.usage()
    took_s = measured.client.pipelined(kind.workflow, count, RUN_S_MAX)
    for process, cost_us in spent_us(before, settled(measured.usage), count).items():
        figures.add(f"{kind.key}_{what}{process}_cpu_us", "us a run", cost_us)
    return count * kind.per_run / took_s


def settled(usage: Callable[[], Usage]) -> Usage:
    """CPU once what came last is written, too: nobody does much any more."""
    check, found = within(SETTLE_S, "coming to rest"), usage()
    while True:
        time.sleep(LOOK_S)
        before, found = found, usage()
        if sum(found.values()) - sum(before.values()) <= LOOK_S * AT_REST:
            return found
        check()


def spent_us(before: Usage, after: Usage, count: int) -> Usage:
    """CPU microseconds a run, by process."""
    return {name: (after[name] - before[name]) * 1e6 / count for name in before}
