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
    warm_up_s: float  # of the broker: its Java code is slow until it is compiled
    repetition_s: float  # a throughput repetition has as many runs as fit in about this time
    latency_runs: int
    timers: int
    fold_runs: int
    rebuild_repetitions: int
    rebuild_commands: int
    rebuild_s: float  # a rebuild that takes longer is measured up to here
    growth_runs: int
    growth_s: float


LONG: Final = Plan(
    quick=False,
    budget_s=1_500.0,
    repetitions=5,
    warm_up_s=20.0,
    repetition_s=4.0,
    latency_runs=400,
    timers=300,
    fold_runs=5_000,
    rebuild_repetitions=5,
    rebuild_commands=60_000,
    rebuild_s=20.0,
    growth_runs=100_000,
    growth_s=240.0,
)
QUICK: Final = Plan(
    quick=True,
    budget_s=48.0,
    repetitions=2,
    warm_up_s=3.0,
    repetition_s=0.8,
    latency_runs=50,
    timers=60,
    fold_runs=800,
    rebuild_repetitions=1,
    rebuild_commands=5_000,
    rebuild_s=3.0,
    growth_runs=0,
    growth_s=0.0,
)
RUN_S_MAX: Final = 60.0  # one repetition, however slow the engine is
RUNS_MIN: Final = 256
RUNS_MAX: Final = 60_000


def runs_for(rate_per_s: float, seconds: float) -> int:
    """How many runs fit in about this time."""
    return int(min(max(rate_per_s * seconds, RUNS_MIN), RUNS_MAX))
