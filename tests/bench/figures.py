"""Figures: samples by key, their statistics, the table and the JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(slots=True)
class Figure:
    """One measured thing; `samples` has one number a repetition."""

    unit: str
    goal: str = ""
    samples: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The number that counts."""
        return median(self.samples)


class Figures:
    """All figures of a run of the bench."""

    def __init__(self) -> None:
        self._figures: dict[str, Figure] = {}
        self._missing: dict[str, str] = {}
        self.failed: list[str] = []

    def add(self, key: str, unit: str, *samples: float, goal: str = "") -> None:
        """Add repetitions of a figure."""
        figure = self._figures.setdefault(key, Figure(unit, goal))
        figure.samples.extend(samples)

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

    def flat(self) -> dict[str, Any]:
        """Flat keys: the median, `_min` and `_max`; None for what is not there."""
        flat: dict[str, Any] = {}
        for key, figure in self._figures.items():
            flat[key] = _rounded(figure.median)
            flat[f"{key}_min"] = _rounded(min(figure.samples))
            flat[f"{key}_max"] = _rounded(max(figure.samples))
        return flat | {key: None for key in self._missing if key not in flat}

    def table(self) -> str:
        """What a person reads."""
        rows: list[tuple[str, ...]] = [("figure", "unit", "min", "median", "max", "n", "goal")]
        for key, figure in self._figures.items():
            numbers = (min(figure.samples), figure.median, max(figure.samples))
            texts = [_text(number) for number in numbers]
            rows.append((key, figure.unit, *texts, str(len(figure.samples)), figure.goal))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join(
                text.rjust(width) if column in (2, 3, 4, 5) else text.ljust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines += [f"{key.ljust(widths[0])}  {why}" for key, why in self._missing.items()]
        return "\n".join(lines)

    def write(self, path: Path, facts: dict[str, Any]) -> None:
        """Write the JSON file: the facts about the run, then the figures."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(facts | self.flat(), indent=2) + "\n")


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` of all samples do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _rounded(number: float) -> float:
    return float(f"{number:.4g}") if abs(number) < 1_000 else round(number)


def _text(number: float) -> str:
    return f"{_rounded(number):,}".removesuffix(".0")
