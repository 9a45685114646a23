"""A driver whose engine dies after each record: what is kept is the log and what the store has
written. It notes the digest after each record, and a fold from 0 must pass through the same ones.
"""

from __future__ import annotations

from typing import Any

from penstock.core.state.partition_state import Shard
from penstock.processor.partition import Partition
from penstock.processor.verdicts import read_rulings
from penstock.store.memory import MemoryStore
from penstock.store.rowstore import RowStore
from tests.scenarios.driver import Driver
from tests.sim.liveness import problems
from tests.sim.standing import places_at_rest
from tests.sim.tables import Tables


class CrashingDriver(Driver):
    """Each step folds one record in a processor that is thrown away afterwards: it says good-bye
    to nobody and commits nothing."""

    records_per_poll = 1

    def __init__(self, **settings: Any) -> None:
        self.after: dict[tuple[int, int], str] = {}  # (partition, next offset) -> digest
        super().__init__(**settings)

    def step(self) -> None:
        """One record, and the end; the next one begins with an empty cache."""
        before = self._ends(), self._positions()
        self.processor.step()
        if (self._ends(), self._positions()) == before:
            return
        for number, view in self._views():
            self.after[number, view.position().next_offset] = view.digest()
        dead, self.processor = self.processor, self._begin()
        self.processor.waiters = dead.waiters  # the clients ask on
        errands, before = self.processor._errands, dead._errands
        errands.held_tasks._look_s = before.held_tasks._look_s
        self.log.poll(0, 0.0)  # brings the partitions
        self.processor._owned.open_assigned()
        errands.ticker = before.ticker  # a new one would not know the test's time

    def _positions(self) -> list[int | None]:
        return [self.processor.position(number) for number in range(self.topics.partitions)]


def assert_refolds_agree(driver: CrashingDriver) -> None:
    """A fold of each log from 0 comes by every digest that was noted."""
    for number, view in driver._views():
        until = view.position().next_offset
        partition = _anew(driver, number, until)
        for record in driver.log.read_all(driver.topics.commands, number)[:until]:
            partition.write(partition.fold([record]))
            noted = driver.after.get((number, record.offset + 1))
            if noted is not None:
                assert partition.view().digest() == noted, (number, record.offset)


def assert_lively(driver: Driver) -> None:
    """No run is stuck, nothing lies around, and all who have a place, or wait for one, are known
    where their limit is.
    """
    partitions = [Tables(store) for _, store in sorted(driver.memory_stores.items())]
    for number, tables in enumerate(partitions):
        found = problems(tables)
        assert not found, f"partition {number}: {found}"
    assert not (found := places_at_rest(partitions)), found


def _anew(driver: Driver, number: int, mark: int) -> Partition:
    return Partition(
        shard=Shard(number, driver.topics.partitions),
        store=RowStore(MemoryStore()),
        avro=driver.avro,
        mark=mark,
        rulings=read_rulings(driver.log, driver.avro, driver.topics, number),
    )
