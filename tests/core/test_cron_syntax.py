"""The syntax of cron: what core lets pass, the cron library takes, and the other way about."""

from datetime import UTC, datetime

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.schedules.cron_syntax import CronProblem, check_cron, is_time_zone

RIGHT = (
    "* * * * *",
    "*/15 9-17 * * MON-FRI",
    "0 0 1,15 jan-jun,dec *",
    "5/20 */2 31 * 7",
    "0,30 0-23/2 29 2 *",
    "0\t0  13 * fri",
    "0 0 30 feb mon",
)
WRONG = (
    ("", "character"),
    ("* * * *", "4 fields"),
    ("* * * * * *", "6 fields"),
    ("@daily", "character"),
    ("60 * * * *", "minute: 60 is not from 0 to 59"),
    ("* 24 * * *", "hour: 24"),
    ("* * 0 * *", "day of month: 0"),
    ("* * * 13 *", "month: 13"),
    ("* * * * 8", "day of week: 8"),
    ("*/0 * * * *", "minute: a step of 0"),
    ("9-5 * * * *", "'9-5' runs backwards"),
    ("* * * * FRI-MON", "runs backwards"),
    ("1,,2 * * * *", "'' is no number"),
    ("MON * * * *", "minute: 'MON' is no number"),
    ("1- * * * *", "'' is no number"),
    ("*/ * * * *", "'' is no number"),
    ("*-5 * * * *", "'*' is no number"),
    ("1/2/3 * * * *", "'2/3' is no number"),
    ("0 0 L * *", "'L' is no number"),
    ("0 0 31 4,6 *", "has a day 31"),
    ("٣ * * * *", "character"),
    (f"0 0 * * {'1,' * 200}1", "too long"),
    ("99999999999999999999 * * * *", "is no number"),
)


@pytest.mark.parametrize("cron", RIGHT)
def test_what_is_right_passes_here_and_there(cron: str) -> None:
    """And has a next time."""
    check_cron(cron)
    assert next(CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize(("cron", "says"), WRONG)
def test_what_is_wrong_is_named(cron: str, says: str) -> None:
    with pytest.raises(CronProblem) as problem:
        check_cron(cron)
    assert says in str(problem.value)


FIELD = st.text("0123456789*/,-MONJANFRI", min_size=1, max_size=6)


@given(st.lists(FIELD, min_size=5, max_size=5).map(" ".join))
def test_both_judge_alike(cron: str) -> None:
    """A schedule that core accepts is never one that only the owner finds to be wrong."""
    try:
        check_cron(cron)
    except CronProblem:
        return
    try:
        CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise AssertionError(f"core takes {cron!r}") from error


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("UTC", True),
        ("Europe/Berlin", True),
        ("America/Argentina/Buenos_Aires", True),
        ("Etc/GMT+5", True),
        ("", False),
        ("/etc/passwd", False),
        ("Europe/../x", False),
        ("x" * 65, False),
    ],
)
def test_names_of_time_zones(name: str, right: bool) -> None:
    """Which there are is not core's to know."""
    assert is_time_zone(name) is right
