"""TIMESTAMPs: one text for one instant."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.values.timestamps import timestamp, timestamp_ms, timestamp_text
from penstock.core.values.types import ValueProblem

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

instants = st.datetimes(
    min_value=FIRST.replace(tzinfo=None),
    max_value=LAST.replace(tzinfo=None),
    timezones=st.just(UTC),
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31t12:00:00.5z", "2026-01-31T12:00:00.500Z"),
        ("2026-01-31T12:00:00.123999999Z", "2026-01-31T12:00:00.123Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"),
        ("2026-12-31T23:30:00-00:45", "2027-01-01T00:15:00.000Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_timestamps_are_kept_in_one_form(text: str, canonical: str) -> None:
    """UTC, with milliseconds."""
    assert timestamp(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "2026-1-31T12:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+00:60",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "\u0662026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n",
    ],
)
def test_what_is_no_timestamp(text: str) -> None:
    """Is not guessed at."""
    with pytest.raises(ValueProblem):
        timestamp(text)


@given(instants)
def test_the_calendar_is_the_librarys(at: datetime) -> None:
    """On every day of every year."""
    at = at.replace(microsecond=at.microsecond // 1_000 * 1_000)
    text = timestamp(at.isoformat(timespec="milliseconds"))
    assert text == at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    assert timestamp_ms(text) == (at - EPOCH) // timedelta(milliseconds=1)
    assert timestamp_text(timestamp_ms(text)) == text


@given(instants, instants)
def test_the_order_of_texts_is_the_order_of_time(one: datetime, other: datetime) -> None:
    """So that TIMESTAMPs are compared as text."""
    texts = [timestamp(at.isoformat(timespec="milliseconds")) for at in (one, other)]
    assert (texts[0] < texts[1]) == (timestamp_ms(texts[0]) < timestamp_ms(texts[1]))


@pytest.mark.parametrize("at_ms", [-(2**63), 2**63 - 1, -62_135_596_800_001, 253_402_300_800_000])
def test_beyond_the_years(at_ms: int) -> None:
    """1 to 9999 there is no text."""
    with pytest.raises(ValueProblem, match="years 1 to 9999"):
        timestamp_text(at_ms)
