"""Next due times, in zones."""

import pytest

from penstock.core.limits import DUE_TIMES_MAX
from penstock.processor.cron import CannotSay, next_times
from tests.scenarios.schedules import moments, ms


@pytest.mark.parametrize(
    ("cron", "zone", "after", "first"),
    [
        ("* * * * *", "UTC", "2024-01-01 00:00", "2024-01-01 00:01"),
        ("0 0 * * *", "America/New_York", "2024-01-01 00:00", "2024-01-01 05:00"),
        ("0 0 * * *", "Asia/Kathmandu", "2024-01-01 00:00", "2024-01-01 18:15"),
        ("0 12 29 2 *", "UTC", "2024-03-01 00:00", "2028-02-29 12:00"),
        ("0 9 * * MON", "Europe/Berlin", "2024-03-30 12:00", "2024-04-01 07:00"),
        ("30 2 * * *", "Europe/Berlin", "2024-03-31 00:59", "2024-03-31 01:00"),
        ("15 2 * * *", "Australia/Lord_Howe", "2024-10-05 15:00", "2024-10-05 15:30"),
        ("30 2 * * *", "Europe/Berlin", "2024-10-27 00:30", "2024-10-28 01:30"),
        ("30 2 * * *", "Europe/Berlin", "2024-10-27 01:10", "2024-10-28 01:30"),
        ("30 * * * *", "Europe/Berlin", "2024-10-27 00:30", "2024-10-27 01:30"),
    ],
)
def test_the_next_time(cron: str, zone: str, after: str, first: str) -> None:
    assert moments(next_times(cron, zone, ms(after))[:1]) == [first]


def test_a_moment_within_a_minute() -> None:
    """Due times are after it, to the millisecond."""
    noon = ms("2024-01-01 12:00")
    assert next_times("0 12 * * *", "UTC", noon - 1)[0] == noon
    assert next_times("0 12 * * *", "UTC", noon)[0] == noon + 24 * 3_600_000
    assert next_times("* * * * *", "UTC", noon + 500)[0] == noon + 60_000


def test_two_times_or_a_day_of_them_and_no_more() -> None:
    """Rules of time zones change; that after the next one is told to runs."""
    midnight = ms("2024-01-01 00:00")
    assert len(next_times("* * * * *", "UTC", midnight)) == DUE_TIMES_MAX
    assert len(next_times("0 0 * * *", "UTC", midnight)) == 2
    assert moments(next_times("0 0 1 1 *", "UTC", midnight)) == [
        *("2025-01-01 00:00", "2026-01-01 00:00"),
    ]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo"])
@pytest.mark.parametrize("cron", ["*/7 * * * *", "30 */3 * * *", "15,45 1-3 * * *", "0 2 * * SUN"])
def test_asked_again_and_again_none_is_left_out_or_comes_twice(cron: str, zone: str) -> None:
    """Over each change of clocks, answers one after the other are what one long one would be."""
    for begin in ("2024-03-25 00:00", "2024-04-03 00:00", "2024-10-03 00:00", "2024-10-24 00:00"):
        _asked_for_days(cron, zone, ms(begin))


def _asked_for_days(cron: str, zone: str, begin_ms: int) -> None:
    at_ms, end_ms = begin_ms, begin_ms + 9 * 24 * 3_600_000
    times: list[int] = []
    while at_ms < end_ms:
        answer = next_times(cron, zone, at_ms)
        again = next_times(cron, zone, answer[0])
        assert again[: len(answer) - 1] == answer[1:][: len(again)]
        times += answer
        at_ms = answer[-1]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("cron", "zone"),
    [
        ("0 0 30 2 *", "UTC"),
        ("0 0 * * * * *", "UTC"),
        ("0 0 * * *", "Mars/Olympus"),
        ("0 0 * * *", "America"),
        ("0 0 * * *", "../zone"),
    ],
)
def test_there_is_no_next_time(cron: str, zone: str) -> None:
    with pytest.raises(CannotSay):
        next_times(cron, zone, 0)
