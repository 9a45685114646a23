"""The goals of the Performance issue, by key, and what they come to on the machine at hand.

They were set on a machine on which a bare loop without any engine took so much CPU a workflow, and
so long over its four hops. The like of it is measured in every run (bare.py): by what it takes here
a goal is stretched to this machine's speed. What is measured with nobody beside it is stretched by
what the loop takes alone; that is less than it may be, as the other one was not alone. Ratios need
no stretching.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

REFERENCE_LOOP_CPU_US: Final = 17.0
REFERENCE_LATENCY_MS: Final = 1.4  # 1.2 to 1.6, without linger
LOOP_CPU: Final = "bare_loop_cpu_us"
LOOP_CPU_ALONE: Final = "bare_loop_alone_cpu_us"
LATENCY: Final = "bare_latency_ms_p50"


class Scale(Enum):
    """How a goal follows the speed of the machine."""

    NONE = "not at all"
    RATE = "by CPU, more is better"
    COST = "by CPU, less is better"
    ALONE_RATE = "by CPU alone, more is better"
    ALONE_COST = "by CPU alone, less is better"
    LATENCY = "by the latency of the bare loop"


MORE: Final = (Scale.RATE, Scale.ALONE_RATE)


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound; `of` is the key of a figure that it is a multiple of."""

    bound: str
    number: float
    scale: Scale = Scale.NONE
    of: str = ""

    def reached(self, number: float, goal: float) -> bool:
        """Whether a figure keeps to it, here or there."""
        return number >= goal if self.bound == ">=" else number <= goal


@dataclass(frozen=True, slots=True)
class Speed:
    """How many times as long as on the reference machine the bare loop takes; None: not known."""

    cpu: float | None
    alone: float | None
    latency: float | None

    def here(self, goal: Goal, number: float) -> float | None:
        """What a goal's number comes to at this speed."""
        times = {
            Scale.RATE: self.cpu,
            Scale.COST: self.cpu,
            Scale.ALONE_RATE: self.alone,
            Scale.ALONE_COST: self.alone,
            Scale.LATENCY: self.latency,
        }
        by = times.get(goal.scale)
        if by is None:
            return None
        return number / by if goal.scale in MORE else number * by


def _rate(number: float, scale: Scale = Scale.RATE) -> Goal:
    return Goal(">=", number, scale)


LATENCIES: Final = {
    "latency1_embedded": Goal("<=", 1.5, Scale.ALONE_COST),
    "latency5_embedded": Goal("<=", 5, Scale.ALONE_COST),
    "latency1_kafka": Goal("<=", 3, Scale.LATENCY),
    "latency5_kafka": Goal("<=", 8, Scale.LATENCY),
    "latency0_http": Goal("<=", 2, Scale.LATENCY),
}
P99_TO_P50: Final = 5
GOALS: Final[dict[str, Goal]] = {
    "fold_commands_per_s": _rate(40_000, Scale.ALONE_RATE),
    "wf1_per_s": _rate(6_000),
    "wf1_ceiling_ratio": Goal(">=", 0.3),
    "wf1_engine_cpu_us": Goal("<=", 120, Scale.COST),
    "seq5_tasks_per_s": _rate(6_000),
    "fanout20_tasks_per_s": _rate(10_000),
    "wf0_per_s": _rate(10_000),
    "engine_rss_mb": Goal("<=", 400),
    "growth_100k_engine_rss_mb": Goal("<=", 400),
    "growth_1m_engine_rss_mb": Goal("<=", 400),
    "growth_1m_ratio": Goal(">=", 0.85),
    "search_page_ms_p99": Goal("<=", 20, Scale.ALONE_COST),
    "rebuild_commands_per_s": _rate(20_000, Scale.ALONE_RATE),
    "rebuild_cpu_us": Goal(
        "<=", 50, Scale.ALONE_COST
    ),  # 20,000 a core, however many others have it
    "restart_with_snapshot_s": Goal("<=", 5),
    "past_at_ms_p99": Goal("<=", 1_000),
    "timer_lateness_embedded_ms_p99": Goal("<=", 20),
    "timer_lateness_kafka_ms_p99": Goal("<=", 20, Scale.LATENCY),
    **{f"{name}_ms_p50": goal for name, goal in LATENCIES.items()},
    **{
        f"{name}_ms_p99": Goal("<=", P99_TO_P50, of=f"{name}_ms_p50")
        for name in (*LATENCIES, "latency1_embedded_synced", "latency5_embedded_synced")
    },
}
