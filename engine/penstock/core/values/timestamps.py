"""TIMESTAMP values: RFC 3339 text in UTC with milliseconds, `2026-01-31T12:00:00.000Z`. The form is
canonical: equal instants are equal text, and the order of texts is the order of time.

The calendar is worked out here: the core has no clock, and so no library that has one.
"""

import re
from typing import Final

from penstock.core.values.types import ValueProblem

_RFC_3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_DAY_MS: Final = 86_400_000
_DAYS_OF_400_YEARS: Final = 146_097
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def timestamp_text(at_ms: int) -> str:
    """The TIMESTAMP of a time in milliseconds since 1970, or ValueProblem beyond years 1-9999."""
    year, month, day, rest = calendar_of(at_ms)
    seconds, millisecond = divmod(rest, 1_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"


def date_text(at_ms: int) -> str:
    """The same with six decimals, as task runs and executions show their times."""
    return timestamp_text(at_ms).removesuffix("Z") + "000Z"


def timestamp_ms(text: str) -> int:
    """Milliseconds since 1970 of RFC 3339 text, or ValueProblem. What is below one is cut."""
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueProblem(
            f"{text[:40]!r} is not TIMESTAMP; write it as 2026-01-31T12:00:00.000Z (RFC 3339)"
        )
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    away = (int(offset_hours or 0), int(offset_minutes or 0))
    if not _is_date(year, month, day):
        raise ValueProblem(f"{text!r} is not TIMESTAMP: there is no such day")
    if hour > 23 or minute > 59 or second > 59 or away[0] > 23 or away[1] > 59:
        raise ValueProblem(f"{text!r} is not TIMESTAMP: there is no such time of day")
    away_ms = (away[0] * 60 + away[1]) * 60_000 * (-1 if sign == "-" else 1)
    of_day_ms = ((hour * 60 + minute) * 60 + second) * 1_000
    millisecond = int((fraction or "0").ljust(3, "0")[:3])
    return date_number(year, month, day) * _DAY_MS + of_day_ms + millisecond - away_ms


def timestamp(text: str) -> str:
    """RFC 3339 text in its canonical form, or ValueProblem."""
    return timestamp_text(timestamp_ms(text))


def calendar_of(at_ms: int) -> tuple[int, int, int, int]:
    """Year, month, day, and the milliseconds of that day, in UTC; or ValueProblem."""
    if not _FIRST_MS <= at_ms <= _LAST_MS:
        raise ValueProblem(f"{at_ms} ms since 1970 is not within the years 1 to 9999")
    days, rest = divmod(at_ms, _DAY_MS)
    return (*_date_of(days), rest)


def days_in_month(year: int, month: int) -> int:
    """How many days a month has."""
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_DAYS[month - 1] + leap


def _is_date(year: int, month: int, day: int) -> bool:
    if year < 1 or not 1 <= month <= 12:
        return False
    return 1 <= day <= days_in_month(year, month)


def date_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01. Years begin in March here, so that the leap day is a year's last."""
    if month <= 2:
        year -= 1
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = of_era * 365 + of_era // 4 - of_era // 100 + of_year
    return era * _DAYS_OF_400_YEARS + days - 719_468


def _date_of(days: int) -> tuple[int, int, int]:
    """The date of a day number: the other way round."""
    era, of_era = divmod(days + 719_468, _DAYS_OF_400_YEARS)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    march_month = (5 * of_year + 2) // 153
    day = of_year - (153 * march_month + 2) // 5 + 1
    month = march_month + 3 if march_month < 10 else march_month - 9
    return era * 400 + year + (month <= 2), month, day


_FIRST_MS: Final = date_number(1, 1, 1) * _DAY_MS
_LAST_MS: Final = date_number(10_000, 1, 1) * _DAY_MS - 1
