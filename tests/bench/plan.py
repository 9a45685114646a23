"""How much is measured: the long bench and the quick one. Every loop has a bound in count and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts and seconds."""

    repetitions: int
    repetition_s: float  # a throughput repetition has as many runs as fit in about this time
    latency_runs: int
    timers: int
    fold_runs: int
    rebuild_repetitions: int
    rebuild_commands: int
    growth_runs: int
    growth_s: float


LONG: Final = Plan(
    repetitions=5,
    repetition_s=4.0,
    latency_runs=400,
    timers=300,
    fold_runs=10_000,
    rebuild_repetitions=5,
    rebuild_commands=60_000,
    growth_runs=100_000,
    growth_s=240.0,
)
QUICK: Final = Plan(
    repetitions=2,
    repetition_s=1.0,
    latency_runs=60,
    timers=60,
    fold_runs=1_500,
    rebuild_repetitions=1,
    rebuild_commands=5_000,
    growth_runs=0,
    growth_s=0.0,
)
RUN_S_MAX: Final = 60.0  # one repetition, however slow the engine is
RUNS_MIN: Final = 512
RUNS_MAX: Final = 60_000


def runs_for(rate_per_s: float, seconds: float) -> int:
    """How many runs fit in about this time."""
    return int(min(max(rate_per_s * seconds, RUNS_MIN), RUNS_MAX))
