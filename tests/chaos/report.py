"""The figures of the faults: each test notes its own, the end of a run has their sums."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

import pytest

PROPERTY = "chaos"
LINES = "lines"
"""What a test has to tell besides, in lines for people."""
NAMES = ("kills", "acknowledged", "lost", "duplicated", "sent_twice")


class Figures(Protocol):
    """Notes figures of a test, by name."""

    def __call__(self, **figures: int) -> None:
        """Add these."""
        ...


def summed(reports: list[pytest.TestReport]) -> tuple[int, Counter[str]]:
    """How many cases of the catalogue have passed, and the sums of what they have noted."""
    sums: Counter[str] = Counter(dict.fromkeys(NAMES, 0))
    for report in reports:
        for name, noted in report.user_properties:
            found: Any = noted
            if name == PROPERTY:
                sums.update(found)
    return sum("fault" in report.keywords for report in reports), sums


def told(reports: list[pytest.TestReport]) -> list[str]:
    """Lines for people; none if nothing was done to anything."""
    cases, sums = summed(reports)
    noted = [property for report in reports for property in report.user_properties]
    if not sums["acknowledged"]:
        return []
    return [_line(cases, sums), *(str(line) for name, line in noted if name == LINES)]


def _line(cases: int, sums: Counter[str]) -> str:
    return (
        f"{cases} cases passed; {sums['kills']} kills; {sums['acknowledged']} commands"
        f" acknowledged; lost {sums['lost']}; duplicated effects {sums['duplicated']};"
        f" outputs sent twice, with equal stamps: {sums['sent_twice']}"
    )
