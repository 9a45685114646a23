"""When what is open here may be read."""

import time

import pytest

from penstock.processor import freshness
from penstock.processor.freshness import Freshness


def test_a_partition_is_behind_until_it_has_folded_what_there_was() -> None:
    fresh = Freshness(10.0)
    assert not fresh.is_behind(0, 0)
    fresh.opened(0, 5)
    assert [fresh.is_behind(0, offset) for offset in (4, 5)] == [True, False]
    fresh.closed(0)
    assert not fresh.is_behind(0, 4)


def test_a_log_that_ends_in_no_record_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Freshness(10.0)
    fresh.opened(0, 5)
    fresh.polled(came=False)
    assert fresh.is_behind(0, 4)
    monkeypatch.setattr(freshness, "SETTLED_S", 0.0)
    time.sleep(0.001)
    fresh.polled(came=True)
    assert fresh.is_behind(0, 4)
    time.sleep(0.001)
    fresh.polled(came=False)
    assert not fresh.is_behind(0, 4)


def test_who_has_not_polled_for_long_is_stale() -> None:
    fresh = Freshness(0.02)
    assert not fresh.is_stale
    time.sleep(0.03)
    assert fresh.is_stale
    fresh.polled(came=True)
    assert fresh.is_stale
    fresh.proved()
    assert not fresh.is_stale
