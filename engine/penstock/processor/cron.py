"""When a schedule is due next: what the fold may not compute, since it depends on this machine's
time zone data (R8). The only file that knows the cron library.

Daylight saving time is as in Debian's cron. Where clocks go forward, what is due in the hour that
is missing is due right after it; where they go back, what is due at a time of day is due once, the
first time. What is due each hour or minute (`*`) follows the real hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from penstock.core.limits import DUE_TIMES_MAX

AHEAD: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class CannotSay(Exception):
    """There is no next time; the message says why."""


def zone_of(name: str) -> tzinfo:
    """The time zone of this name, as this machine's data has it."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CannotSay(f"time zone {name[:80]!r} is not known here") from error


def next_times(cron: str, time_zone: str, after_ms: int) -> tuple[int, ...]:
    """The next due times after a moment: two, as far as there are, or a day of them, but no more,
    since rules of time zones change.
    """
    zone = zone_of(time_zone)
    found: list[int] = []
    try:
        for moment in CronSim(cron, (_EPOCH + after_ms * _MS).astimezone(zone)):
            due_ms = (moment.astimezone(UTC) - _EPOCH) // _MS
            if due_ms <= after_ms:
                continue  # the hour that clocks have for the second time
            if len(found) > 1 and due_ms > found[0] + AHEAD // _MS:
                break
            found.append(due_ms)
            if len(found) == DUE_TIMES_MAX:
                break
    except (CronSimError, OverflowError) as error:
        raise CannotSay(f"cron {cron!r}: {error}") from error
    if not found:
        raise CannotSay(f"no date matches {cron!r}")
    return tuple(found)
