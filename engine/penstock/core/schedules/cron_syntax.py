"""The syntax of 5-field UNIX cron, as far as it can be judged without a calendar or a time zone.

    minute 0-59   hour 0-23   day of month 1-31   month 1-12, JAN-DEC   day of week 0-7, SUN-SAT

Each field is a list of `*`, a number, a range or one of these with a step (`*/15`, `9-17/2`). What
passes here is computed outside of the core (R8), which may still find that it can not.
"""

import re
from typing import Final

from msgspec import Struct

CRON_CHARS_MAX: Final = 256
TIME_ZONE_CHARS_MAX: Final = 64

_CHARS: Final = re.compile(r"[0-9A-Za-z*/, \t-]+")
_TIME_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_DAYS_IN_MONTH: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class CronProblem(Exception):
    """The expression is wrong; the message says where."""


class _Field(Struct, frozen=True):
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),
)


def check_cron(cron: str) -> None:
    """Raise CronProblem if this is no cron expression, or one that no date can match."""
    if len(cron) > CRON_CHARS_MAX or not _CHARS.fullmatch(cron):
        raise CronProblem("it has a character that cron does not know, or is too long")
    texts = cron.upper().split()
    if len(texts) != len(_FIELDS):
        raise CronProblem(f"{len(texts)} fields; it has {len(_FIELDS)}, divided by spaces")
    parsed = [_values(field, text) for field, text in zip(_FIELDS, texts, strict=True)]
    days, months = parsed[2], parsed[3]
    any_day_of_week = texts[4].startswith("*") or texts[2].startswith("*")
    if any_day_of_week and min(days) > max(_DAYS_IN_MONTH[month] for month in months):
        raise CronProblem(f"none of its months has a day {min(days)}")


def is_time_zone(name: str) -> bool:
    """Whether this may be the name of a time zone; only the outside knows which there are."""
    return len(name) <= TIME_ZONE_CHARS_MAX and _TIME_ZONE.fullmatch(name) is not None


def _values(field: _Field, text: str) -> frozenset[int]:
    found: set[int] = set()
    for term in text.split(","):
        base, slash, step_text = term.partition("/")
        first, last = _range(field, base, stepped=bool(slash))
        step = _number(field, step_text) if slash else 1
        if step == 0:
            raise CronProblem(f"{field.name}: a step of 0")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _range(field: _Field, text: str, *, stepped: bool) -> tuple[int, int]:
    if text == "*":
        return field.low, field.high
    first_text, dash, last_text = text.partition("-")
    first = _value(field, first_text)
    if not dash:
        return first, field.high if stepped else first
    last = _value(field, last_text)
    if last < first:
        raise CronProblem(f"{field.name}: the range {text!r} runs backwards")
    return first, last


def _value(field: _Field, text: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.low
    value = _number(field, text)
    if not field.low <= value <= field.high:
        raise CronProblem(f"{field.name}: {value} is not from {field.low} to {field.high}")
    return value


def _number(field: _Field, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise CronProblem(f"{field.name}: {text!r} is no number")
    return int(text)
