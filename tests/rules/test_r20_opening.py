"""R20: a partition that can not be opened here, or is stopped, is nobody else's trouble."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from penstock.contracts.topics import Topics
from penstock.log.memory import MemoryLog
from penstock.log.port import LogUnavailable
from penstock.processor.owned import RETRY_S
from penstock.processor.processor import Processor
from penstock.store.memory import MemoryStore, MemoryStores
from penstock.store.port import StoreError, StoreLocked
from tests.controls import chain, task
from tests.scenarios.driver import WAIT_S, Clock, Driver
from tests.scenarios.story import register, run

PARTITIONS = 3


class LeaderlessLog(MemoryLog):
    """Of some partitions the leader is away: whoever asks waits a while, in vain."""

    waits_s = 0.02
    asked = 0

    def __init__(self, topics: Topics, clock: Clock) -> None:
        super().__init__(
            commands=topics.commands,
            partitions=PARTITIONS,
            on_demand=topics.on_demand,
            clock_ms=clock,
        )
        self.away: set[int] = set()

    def bounds(self, partition: int, timeout_s: float = 15.0) -> tuple[int, int]:
        """First offset and end."""
        if partition in self.away:
            self.asked += 1
            time.sleep(self.waits_s)
            raise LogUnavailable("its leader is away")
        return super().bounds(partition)


@pytest.fixture
def log() -> LeaderlessLog:
    return LeaderlessLog(Topics("test", PARTITIONS), Clock())


@pytest.fixture
def driver(log: LeaderlessLog) -> Iterator[Driver]:
    topics = Topics("test", PARTITIONS)
    with closing(Driver(log=log, topics=topics, clock=Clock())) as made:
        made.settle()
        yield made


def until_owned(processor: Processor, numbers: list[int]) -> int:
    """Go on until these are open; the rounds that it took."""
    deadline, rounds = time.monotonic() + WAIT_S, 0
    while processor.owned() != numbers:
        assert time.monotonic() < deadline, processor.owned()
        processor.step()
        rounds += 1
    return rounds


def test_r20_what_can_not_be_opened_holds_up_no_other(driver: Driver, log: LeaderlessLog) -> None:
    """The log is asked again, and most of the time belongs to the others."""
    driver.processor.stop()
    log.away.add(0)
    driver.processor = driver._begin()
    rounds = until_owned(driver.processor, [1, 2])
    assert rounds <= 3, "in the step behind the one in which the first was asked in vain"
    assert driver.processor.is_opening(0)
    began_s, rounds = time.monotonic(), 0
    while time.monotonic() < began_s + 3 * RETRY_S:
        driver.step()
        rounds += 1
    assert log.asked <= 5
    assert rounds > 10 * log.asked
    log.away.clear()
    until_owned(driver.processor, [0, 1, 2])
    driver.settle()


class HeldStores(MemoryStores):
    """Of some partitions another process has the store."""

    def __init__(self) -> None:
        super().__init__()
        self.held: set[int] = set()

    def open(self, partition: int) -> MemoryStore:
        """The store, if nobody holds it."""
        if partition in self.held:
            raise StoreLocked("another process has it")
        return super().open(partition)


@pytest.fixture
def held() -> HeldStores:
    return HeldStores()


@pytest.fixture
def beside(log: LeaderlessLog, held: HeldStores) -> Iterator[Driver]:
    topics = Topics("test", PARTITIONS)
    with closing(Driver(log=log, topics=topics, stores=held, clock=Clock())) as made:
        made.settle()
        yield made


def test_r20_a_store_that_another_process_has_holds_up_no_other(
    beside: Driver, held: HeldStores
) -> None:
    """It is taken as soon as it is let go of."""
    beside.processor.stop()
    held.held.add(0)
    beside.processor = beside._begin()
    assert until_owned(beside.processor, [1, 2]) <= 3
    assert beside.processor.is_opening(0)
    held.held.clear()
    until_owned(beside.processor, [0, 1, 2])
    beside.settle()


def test_r20_a_store_that_is_not_let_go_of_is_named_in_the_end(
    beside: Driver, held: HeldStores
) -> None:
    """After as long as a process may take to end; the others had their turns meanwhile."""
    beside.processor.stop()
    held.held.add(0)
    beside.processor = beside._begin()
    deadline, rounds = time.monotonic() + WAIT_S, 0
    while not beside.processor.stopped:
        assert time.monotonic() < deadline
        beside.step()
        rounds += 1
    assert rounds > 10
    assert beside.processor.stopped[0].cause == "LOCKED"
    assert beside.processor.owned() == [1, 2]
    held.held.clear()  # it may have been a reader of our own
    until_owned(beside.processor, [0, 1, 2])
    assert beside.processor.stopped == {}
    beside.settle()


def test_r20_a_partition_that_was_stopped_and_has_gone_is_not_stopped_here(driver: Driver) -> None:
    """If it comes back, it is looked at anew."""
    register(driver, "works", chain(task("work")))
    driver.cut_log(0)
    driver.processor = driver._begin()
    until_owned(driver.processor, [1, 2])
    assert list(driver.processor.stopped) == [0]
    driver.processor.lost([0])
    assert driver.processor.stopped == {}
    driver.processor.assigned([0])
    driver.step()
    assert driver.processor.stopped[0].cause == "INTEGRITY"


def test_whoever_looks_for_lost_tasks_ends_with_the_processor(driver: Driver) -> None:
    before = set(threading.enumerate())
    lost = driver.processor._errands.lost_tasks
    register(driver, "works", chain(task("work")))
    run(driver, "works")
    lost.waited_ms = -1
    lost.look_at_once = True
    driver.settle()
    [asking] = set(threading.enumerate()) - before
    driver.processor.stop()
    asking.join(WAIT_S)
    assert not asking.is_alive()


def test_a_store_that_can_not_be_synced_is_let_go_of_all_the_same(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disk is full: what is missing is folded again, by whoever opens it then."""
    closed: list[int] = []
    for number, partition in driver.processor._owned.partitions.items():

        def full() -> None:
            raise StoreError("no space left on device")

        monkeypatch.setattr(partition.store, "sync", full)
        monkeypatch.setattr(partition.store, "close", lambda number=number: closed.append(number))
    driver.processor.stop()
    assert sorted(closed) == list(range(PARTITIONS))
