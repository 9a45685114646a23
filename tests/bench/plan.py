"""How much is measured: the long bench and the quick one. Every loop ends, by count and by time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts and seconds."""

    quick: bool
    budget_s: float  # what has not begun by then is left out
    repetitions: int
    turns: int  # where figures differ by little: so many repetitions, in an order that changes
    runs_min: int  # of a throughput repetition: what is in flight at its ends is to weigh little
    warm_up_s: float  # of the broker: its Java code is slow until it is compiled
    repetition_s: float  # a throughput repetition has as many runs as fit in about this time
    latency_runs: int
    timers: int
    fold_runs: int
    rebuild_repetitions: int
    rebuild_commands: int
    rebuilds: int  # from the log alone, each up to its end
    rebuild_tail: int  # commands that came after the snapshot
    grown: tuple[tuple[str, int], ...]  # stores with so many finished runs
    pages: int  # of searches
    engines: tuple[int, ...]
    steps: tuple[int, ...]  # of the runs whose steps are measured
    synced: bool
    kinds: tuple[str, ...]  # of workflows whose throughput is measured


LONG: Final = Plan(
    quick=False,
    budget_s=4_500.0,
    repetitions=5,
    turns=15,
    runs_min=1_280,
    warm_up_s=20.0,
    repetition_s=4.0,
    latency_runs=400,
    timers=300,
    fold_runs=5_000,
    rebuild_repetitions=5,
    rebuild_commands=1_000_000,
    rebuilds=5,
    rebuild_tail=2_000,
    grown=(("0", 0), ("100k", 100_000), ("1m", 1_000_000)),
    pages=200,
    engines=(2, 4),
    steps=(10, 1_000, 100_000),
    synced=True,
    kinds=("wf1", "seq5", "fanout20", "wf0", "user_task", "event_wait"),
)
QUICK: Final = Plan(
    quick=True,
    budget_s=40.0,
    repetitions=2,
    turns=2,
    runs_min=256,
    warm_up_s=2.0,
    repetition_s=0.6,
    latency_runs=50,
    timers=40,
    fold_runs=500,
    rebuild_repetitions=1,
    rebuild_commands=5_000,
    rebuilds=1,
    rebuild_tail=200,
    grown=(),
    pages=0,
    engines=(),
    steps=(10, 1_000),
    synced=False,
    kinds=("wf1", "seq5", "fanout20"),
)
RUN_S_MAX: Final = 60.0  # one repetition, however slow the engine is
RUNS_MAX: Final = 60_000


def runs_for(rate_per_s: float, plan: Plan) -> int:
    """How many runs fit in about the time of a repetition."""
    return int(min(max(rate_per_s * plan.repetition_s, plan.runs_min), RUNS_MAX))
