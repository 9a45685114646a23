"""Dates in templates: reading, moving and writing them. Log time and fixed offsets only: the core
has no clock and no time zone data.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.core.values.templates.operators import whole_number
from penstock.core.values.timestamps import (
    calendar_of,
    date_number,
    days_in_month,
    timestamp_ms,
    timestamp_text,
)
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, type_name

_OFFSET: Final = re.compile(r"(?:UTC|GMT|Z)?(?:([+-])(\d{1,2})(?::?(\d\d))?)?", re.ASCII)
_FIELD: Final = re.compile(
    r"'((?:[^']|'')*)'|(y+|u+|M+|d+|H+|h+|m+|s+|S+|a|E+|X+|x+|Z+|D+)|(.)", re.DOTALL
)
ISO: Final = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS" + 3 * "X"
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS_MS: Final = {
    "MILLIS": 1,
    "SECONDS": 1_000,
    "MINUTES": 60_000,
    "HOURS": 3_600_000,
    "DAYS": 86_400_000,
    "WEEKS": 7 * 86_400_000,
}
_MONTHS_IN: Final = {"MONTHS": 1, "YEARS": 12}


def instant_ms(value: Value) -> int:
    """Milliseconds since 1970 of a TIMESTAMP, a date, or a number of them; or ValueProblem."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueProblem(f"{type_name(value)} is no date")
    text = value.strip()
    if len(text) == 10:
        text += "T00:00:00Z"
    return timestamp_ms(text)


def formatted(value: Value, pattern: str = ISO, zone: str = "UTC") -> str:
    """The date in this pattern (of Java's DateTimeFormatter, its usual letters)."""
    at_ms, offset = instant_ms(value), _offset_minutes(zone)
    return "".join(
        _field(match, at_ms + offset * 60_000, offset) for match in _FIELD.finditer(pattern)
    )


def moved(value: Value, amount: Value, unit: str = "DAYS") -> str:
    """The date so many units later; a day that a month has not is its last."""
    at_ms, count, name = instant_ms(value), whole_number(amount, "dateAdd"), unit.upper()
    if name in _UNITS_MS:
        return timestamp_text(at_ms + count * _UNITS_MS[name])
    if name not in _MONTHS_IN:
        known = ", ".join((*_UNITS_MS, *_MONTHS_IN))
        raise ValueProblem(f"unit {unit[:20]!r} is not known; {known} are")
    year, month, day, of_day_ms = calendar_of(at_ms)
    months = year * 12 + month - 1 + count * _MONTHS_IN[name]
    year, month = months // 12, months % 12 + 1
    if not 1 <= year <= 9_999:
        raise ValueProblem("a date must be within the years 1 to 9999")
    day = min(day, days_in_month(year, month))
    return timestamp_text(date_number(year, month, day) * 86_400_000 + of_day_ms)


def _offset_minutes(zone: str) -> int:
    match = _OFFSET.fullmatch(zone.strip())
    if match is None:
        raise ValueProblem(f"time zone {zone!r}: templates know UTC and offsets such as +02:00")
    sign, hours, minutes = match.groups()
    away = int(hours or 0) * 60 + int(minutes or 0)
    return -away if sign == "-" else away


def _field(match: re.Match[str], local_ms: int, offset: int) -> str:
    quoted, field, other = match.groups()
    if quoted is not None:
        return quoted.replace("''", "'") or "'"
    if field is None:
        return other
    year, month, day, of_day_ms = calendar_of(local_ms)
    seconds, millisecond = divmod(of_day_ms, 1_000)
    hour = seconds // 3_600
    width = len(field)
    match field[0]:
        case "y" | "u":
            return f"{year % 100:02}" if width == 2 else f"{year:0{width}}"
        case "M":
            name = _MONTHS[month - 1]
            return f"{month:0{width}}" if width <= 2 else name[:3] if width == 3 else name
        case "E":
            name = _DAYS[(date_number(year, month, day) + 3) % 7]
            return name[:3] if width <= 3 else name
        case "S":
            return f"{millisecond:03}000000"[:width].ljust(width, "0")
        case "a":
            return "AM" if hour < 12 else "PM"
        case "X" | "x" | "Z":
            return _offset_text(offset, field)
        case letter:
            of_year = date_number(year, month, day) - date_number(year, 1, 1) + 1
            numbers = {
                "d": day,
                "H": hour,
                "h": hour % 12 or 12,
                "m": seconds // 60 % 60,
                "s": seconds % 60,
                "D": of_year,
            }
            return f"{numbers[letter]:0{width}}"


def _offset_text(offset: int, field: str) -> str:
    if offset == 0 and field[0] == "X":
        return "Z"
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset), 60)
    if len(field) == 1 and field != "Z":
        return f"{sign}{hours:02}" + (f"{minutes:02}" if minutes else "")
    colon = ":" if len(field) >= 3 and field[0] != "Z" else ""
    return f"{sign}{hours:02}{colon}{minutes:02}"
