"""ISO 8601 durations such as PT1H30M, in milliseconds."""

from __future__ import annotations

import re
from typing import Final

_DURATION: Final = re.compile(
    r"P(?:(?P<W>\d+)W)?(?:(?P<D>\d+)D)?"
    r"(?:T(?:(?P<H>\d+)H)?(?:(?P<M>\d+)M)?(?:(?P<S>\d+(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
_UNITS_MS: Final = {"W": 604_800_000, "D": 86_400_000, "H": 3_600_000, "M": 60_000, "S": 1_000}


def duration_ms(text: str) -> int | None:
    """The milliseconds of a duration; None if the text is none."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or len(text) > 40 or not any(match.groupdict().values()):
        return None
    return round(sum(float(n) * _UNITS_MS[unit] for unit, n in match.groupdict().items() if n))
