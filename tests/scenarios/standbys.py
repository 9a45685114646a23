"""A second process beside a driver's, on the same memory log: it stands by for all partitions, and
can be made their owner.
"""

from __future__ import annotations

import time
from pathlib import Path

from penstock.log.memory import MemoryLog
from penstock.log.port import Assigned
from penstock.processor.processor import Processor
from penstock.processor.recovery import Opener
from penstock.processor.snapshots.bringing import Place
from penstock.processor.snapshots.port import Objects
from penstock.processor.snapshots.restorer import Restorer
from penstock.processor.standbys import Standbys
from penstock.processor.standing import Roster
from penstock.processor.verdicts import Verdicts
from penstock.store.rocks import RocksStores
from tests.scenarios.driver import WAIT_S, Driver

OWNER, HERE = "http://owner", "http://here"


class Owners:
    """One node has all partitions, the other is there."""

    def __init__(self, partitions: int) -> None:
        self.assigned = Assigned(dict.fromkeys(range(partitions), OWNER), frozenset({OWNER, HERE}))

    def ask(self) -> Assigned:
        """Always the same."""
        return self.assigned


class StandbyNode:
    """The second process, with a disk of its own; `objects` are the snapshots of both."""

    def __init__(self, driver: Driver, directory: Path, objects: Objects | None = None) -> None:
        self._driver = driver
        self._directory = directory
        self._objects = objects
        self.partitions = range(driver.topics.partitions)
        self.begin()

    def begin(self) -> None:
        """Start the process."""
        driver, stores = self._driver, RocksStores(self._directory / "stores")
        log = driver.log
        assert isinstance(log, MemoryLog)
        self.restorer = None
        if self._objects is not None:
            self.restorer = Restorer(Place(self._objects, stores, self._directory / "staging"))
        opener = Opener(
            log=log,
            avro=driver.avro,
            topics=driver.topics,
            stores=stores,
            lock_wait_s=1.0,
            adopt_log=False,
            restorer=self.restorer,
            folding=self._directory / "folding",
        )
        self.standbys = Standbys(
            roster=Roster(Owners(driver.topics.partitions), HERE, 1),
            opener=opener,
            follower=log.follower(),
            verdicts=Verdicts(log, driver.avro, driver.topics),
        )
        self.processor = Processor(
            log=log,
            avro=driver.avro,
            topics=driver.topics,
            opener=opener,
            standbys=self.standbys,
        )

    def end(self) -> None:
        """Stop the process."""
        self.processor.stop()
        if self.restorer is not None:
            self.restorer.stop()

    def marks(self) -> dict[int, int]:
        """What the group says is delivered."""
        marks = {number: self._driver.log.committed(number) for number in self.partitions}
        return {number: mark.next_offset for number, mark in marks.items() if mark is not None}

    def positions(self) -> dict[int, int | None]:
        """How far the standbys have come."""
        return {number: self.standbys.position(number) for number in self.partitions}

    def step(self) -> None:
        """One round of the process, as long as it owns nothing."""
        self.standbys.step(frozenset())
        time.sleep(0.002)

    def catch_up(self) -> None:
        """Go on until all standbys stand where the marks do."""
        deadline = time.monotonic() + WAIT_S
        while self.positions() != self.marks():
            assert time.monotonic() < deadline, (self.positions(), self.marks())
            self.step()

    def digests(self) -> list[str]:
        """Of all standbys."""
        views = [self.standbys.view(number) for number in self.partitions]
        return [view.digest() for view in views if view is not None]

    def take_over(self) -> None:
        """The driver's process is gone, and this one owns all."""
        self.processor.waiters = self._driver.processor.waiters
        self._driver.processor = self.processor
        self.processor.subscribe()
        self._driver.settle()


def commit(driver: Driver) -> None:
    """Have the owner commit its marks now."""
    driver.processor._commit_s = 0.0
    driver.processor.step()
