"""When what is open here may be read."""

import time

import pytest

from penstock.log.port import LogUnavailable
from penstock.processor import freshness
from penstock.processor.freshness import Freshness
from tests.standing_clock import StandingClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StandingClock:
    made = StandingClock()
    monkeypatch.setattr(freshness, "time", made)
    return made


class EndsInNoRecord:
    """A log that says to which end it was read out."""

    def __init__(self) -> None:
        self.read_out: dict[int, int] = {}
        self.end: int | None = None

    def read_out_to(self, partition: int) -> int | None:
        return self.read_out.get(partition)

    def bounds(self, partition: int, timeout_s: float) -> tuple[int, int]:
        if self.end is None:
            raise LogUnavailable("its leader does not know yet")
        return 0, self.end


def test_a_partition_is_behind_until_it_has_folded_what_there_was() -> None:
    fresh = Freshness(10.0)
    assert not fresh.is_behind(0, 0)
    fresh.opened(0, 5)
    assert [fresh.is_behind(0, offset) for offset in (4, 5)] == [True, False]
    fresh.closed(0)
    assert not fresh.is_behind(0, 4)


def test_silence_does_not_say_that_there_is_no_more(clock: StandingClock) -> None:
    """The leader of the partition may be away, with all that is not folded yet."""
    fresh = Freshness(10.0, EndsInNoRecord())
    fresh.opened(0, 1_000_000)
    for _ in range(600):
        clock.now_s += 0.1
        fresh.folded()
        fresh.polled()
    assert fresh.is_behind(0, 500_000)


def test_a_log_that_ends_in_no_record_is_not_waited_for() -> None:
    log = EndsInNoRecord()
    fresh = Freshness(10.0, log)
    fresh.opened(0, 5)
    fresh.opened(1, 5)
    fresh.folded()
    assert fresh.is_behind(0, 4)
    log.read_out[0] = 5
    assert fresh.is_behind(0, 4), "what was read may not be folded yet"
    fresh.folded()
    assert not fresh.is_behind(0, 4)
    assert fresh.is_behind(1, 4)


def test_a_new_leader_that_knows_of_less_is_asked_again(clock: StandingClock) -> None:
    """It may have all, and not know yet; or the rest is lost, and is not waited for for ever."""
    log = EndsInNoRecord()
    fresh = Freshness(1e9, log)
    fresh.opened(0, 5)
    log.read_out[0] = 3
    for end, is_behind in ((None, True), (5, True), (3, False)):
        log.end = end
        clock.now_s += 10.0
        fresh.folded()
        assert fresh.is_behind(0, 2) == is_behind


def test_who_has_not_polled_for_long_is_stale() -> None:
    fresh = Freshness(0.02)
    assert not fresh.is_stale
    time.sleep(0.03)
    assert fresh.is_stale
    fresh.polled()
    assert fresh.is_stale
    fresh.proved()
    assert not fresh.is_stale
