"""Workers that have polled lately: who counts, and for how long."""

from __future__ import annotations

import pytest

from penstock.gateway import polled
from penstock.gateway.polled import LATELY_S, Polled

WORK = ("default", "work")
OTHER = ("default", "other")


class Clock:
    """Seconds, by hand."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def asked(noted: Polled, key: tuple[str, str], worker: str) -> None:
    """A poll that is over."""
    noted.begins(key, worker)
    noted.ends(key, worker)


def told(noted: Polled) -> dict[str, float | None]:
    """When each worker has asked last."""
    return {name: one.ago_s for name, one in noted.of(WORK).items()}


def test_who_polled_lately_counts_once_a_task_def() -> None:
    clock = Clock()
    noted = Polled(clock)
    for key, worker in ((WORK, "a"), (WORK, "a"), (WORK, "b"), (OTHER, "a")):
        asked(noted, key, worker)
    assert noted.counts() == {WORK: 2, OTHER: 1}
    clock.now_s += LATELY_S / 2
    asked(noted, WORK, "a")
    clock.now_s += LATELY_S / 2 + 1
    assert noted.counts() == {WORK: 1}
    clock.now_s += LATELY_S
    assert noted.counts() == {}


def test_who_waits_counts_however_long() -> None:
    clock = Clock()
    noted = Polled(clock)
    noted.begins(WORK, "a")
    noted.begins(WORK, "a")  # two slots of one worker
    clock.now_s += 2 * LATELY_S
    assert noted.counts() == {WORK: 1}
    noted.ends(WORK, "a")
    clock.now_s += 2 * LATELY_S
    assert noted.counts() == {WORK: 1}
    noted.ends(WORK, "a")
    clock.now_s += LATELY_S + 1
    assert noted.counts() == {}


def test_a_queue_that_went_to_another_node_is_counted_there() -> None:
    noted = Polled(Clock())
    noted.begins(WORK, "a")
    asked(noted, OTHER, "a")
    noted.forget(WORK)
    noted.ends(WORK, "a")
    assert noted.counts() == {OTHER: 1}


def test_names_without_end_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(polled, "WORKERS_MAX", 3)
    noted = Polled(clock)
    for number in range(10):
        asked(noted, WORK, f"worker-{number}")
    assert noted.counts() == {WORK: 3}
    clock.now_s += LATELY_S + 1
    asked(noted, WORK, "another")
    assert noted.counts() == {WORK: 1}


def test_the_workers_of_a_task_def_are_told_by_name() -> None:
    clock = Clock()
    noted = Polled(clock)
    asked(noted, WORK, "old")
    asked(noted, OTHER, "others")
    clock.now_s += LATELY_S - 1
    asked(noted, WORK, "new")
    noted.begins(WORK, "waits")
    clock.now_s += 1
    assert told(noted) == {"old": LATELY_S, "new": 1, "waits": None}
    clock.now_s += 1
    assert told(noted) == {"new": 2, "waits": None}
    clock.now_s += LATELY_S
    assert told(noted) == {"waits": None}, "it asks for as long as it likes"
    assert noted.of(("default", "nobody")) == {}


def test_a_worker_has_the_slots_that_it_said_last() -> None:
    noted = Polled(Clock())
    noted.begins(WORK, "grows", 4)
    noted.ends(WORK, "grows")
    asked(noted, WORK, "says nothing")
    assert {name: one.slots for name, one in noted.of(WORK).items()} == {
        "grows": 4,
        "says nothing": None,
    }
    noted.begins(WORK, "grows", 8)
    assert noted.of(WORK)["grows"] == (None, 8)
