"""Figures: samples by key, their statistics, their goals, the table and the JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench.goals import (
    GOALS,
    LATENCY,
    LOOP_CPU,
    LOOP_CPU_ALONE,
    REFERENCE_LATENCY_MS,
    REFERENCE_LOOP_CPU_US,
    Goal,
    Speed,
)

HEAD: Final = ("figure", "unit", "min", "median", "max", "n", "goal", "", "goal here", "")
RIGHT: Final = frozenset((2, 3, 4, 5))


@dataclass(slots=True)
class Figure:
    """One measured thing; `samples` has one number a repetition."""

    unit: str
    samples: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The number that counts."""
        return median(self.samples)


class Figures:
    """All figures of a run of the bench."""

    def __init__(self, goals: Mapping[str, Goal] = GOALS) -> None:
        self._goals = goals
        self._figures: dict[str, Figure] = {}
        self._missing: dict[str, str] = {}
        self.failed: list[str] = []

    def add(self, key: str, unit: str, *samples: float) -> None:
        """Add repetitions of a figure."""
        self._figures.setdefault(key, Figure(unit)).samples.extend(samples)

    def miss(self, key: str, why: str) -> None:
        """Say why a figure is not there."""
        if key not in self._figures:
            self._missing[key] = why

    def fail(self, key: str, error: Exception) -> None:
        """Say that a figure could not be measured."""
        self.failed.append(key)
        self.miss(key, f"failed: {error}")

    def median(self, key: str) -> float:
        """The median of a figure that was measured."""
        return self._figures[key].median

    def has(self, key: str) -> bool:
        """Whether it was measured."""
        return key in self._figures

    @property
    def speed(self) -> Speed:
        """Of this machine, by the bare loop."""
        return Speed(
            cpu=self._ratio(LOOP_CPU, REFERENCE_LOOP_CPU_US),
            alone=self._ratio(LOOP_CPU_ALONE, REFERENCE_LOOP_CPU_US),
            latency=self._ratio(LATENCY, REFERENCE_LATENCY_MS),
        )

    def flat(self) -> dict[str, Any]:
        """Flat keys: the median, `_min` and `_max`, and of what has a goal `_goal`, `_goal_here`
        and whether each is reached; None for what is not there.
        """
        speed = self.speed
        flat: dict[str, Any] = {
            "cpu_times": speed.cpu,
            "cpu_alone_times": speed.alone,
            "latency_times": speed.latency,
        }
        for key, figure in self._figures.items():
            flat[key] = _rounded(figure.median)
            flat[f"{key}_min"] = _rounded(min(figure.samples))
            flat[f"{key}_max"] = _rounded(max(figure.samples))
            for where, (goal, number) in self._bounds(key).items():
                flat[f"{key}_{where}"] = _rounded(number)
                flat[f"{key}_{where}_reached"] = goal.reached(figure.median, number)
        return flat | {key: None for key in self._missing if key not in flat}

    def table(self) -> str:
        """What a person reads."""
        rows: list[tuple[str, ...]] = [HEAD]
        for key, figure in self._figures.items():
            numbers = (min(figure.samples), figure.median, max(figure.samples))
            texts = [_text(number) for number in numbers]
            goals = [text for where in ("goal", "goal_here") for text in self._told(key, where)]
            rows.append((key, figure.unit, *texts, str(len(figure.samples)), *goals))
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
        lines = [
            "  ".join(
                text.rjust(width) if column in RIGHT else text.ljust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines += [f"{key.ljust(widths[0])}  {why}" for key, why in self._missing.items()]
        return "\n".join([*lines, "", self._speed_told()])

    def write(self, path: Path, facts: dict[str, Any]) -> None:
        """Write the JSON file: the facts about the run, then the figures."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(facts | self.flat(), indent=2) + "\n")

    def _ratio(self, key: str, reference: float) -> float | None:
        return self.median(key) / reference if self.has(key) else None

    def _bounds(self, key: str) -> dict[str, tuple[Goal, float]]:
        """The goal of a figure as it was set, and as it is here, each if there is one."""
        goal = self._goals.get(key)
        if goal is None or (goal.of and not self.has(goal.of)):
            return {}
        number = goal.number * (self.median(goal.of) if goal.of else 1.0)
        here = self.speed.here(goal, number)
        return {"goal": (goal, number)} | ({} if here is None else {"goal_here": (goal, here)})

    def _told(self, key: str, where: str) -> tuple[str, str]:
        goal, number = self._bounds(key).get(where, (None, 0.0))
        if goal is None:
            return "", ""
        reached = goal.reached(self.median(key), number)
        return f"{goal.bound} {_text(number)}", "reached" if reached else "NOT reached"

    def _speed_told(self) -> str:
        cpu, alone, latency = self.speed.cpu, self.speed.alone, self.speed.latency
        if cpu is None or alone is None or latency is None:
            return "the speed of this machine was not measured (group `bare`)"
        return (
            f"goal here: the bare loop takes {cpu:.2f} times the CPU, alone {alone:.2f} times, and"
            f" {latency:.2f} times the latency, of the machine that the goals were set on"
        )


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` of all samples do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _rounded(number: float) -> float:
    return float(f"{number:.4g}") if abs(number) < 1_000 else round(number)


def _text(number: float) -> str:
    return f"{_rounded(number):,}".removesuffix(".0")
