"""A driver whose engine dies after each record: what is kept is the log and what the store has
written. It notes what all rows come to after each record, and a fold from 0 must come to the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from penstock.core.state.partition_state import Shard
from penstock.processor.partition import Partition
from penstock.processor.verdicts import read_rulings
from penstock.store.memory import MemoryStore, MemoryStores
from penstock.store.port import META
from penstock.store.rowstore import RowStore
from tests.scenarios.driver import Driver
from tests.sim.liveness import problems
from tests.sim.standing import places_at_rest
from tests.sim.tables import Tables

SUM_BYTES: Final = 20


class SummedStore(MemoryStore):
    """Knows the sum of the hashes of its rows: a digest that costs what has changed, not what there
    is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sum = 0

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Add what comes, and take away what goes."""
        for key, value in changes.items():
            if key < META:
                self.sum += _hash(key, value) - _hash(key, self.get(key))
        self.sum %= 1 << (8 * SUM_BYTES)
        super().write(changes)


def _hash(key: bytes, value: bytes | None) -> int:
    if value is None:
        return 0
    size = len(key).to_bytes(4, "big")
    return int.from_bytes(blake2b(size + key + value, digest_size=SUM_BYTES).digest(), "big")


class SummedStores(MemoryStores):
    """A summed one for each partition."""

    def open(self, partition: int) -> MemoryStore:
        """The store, new if it is not there."""
        return self.by_partition.setdefault(partition, SummedStore())


class CrashingDriver(Driver):
    """Each step folds one record in a processor that is thrown away afterwards: it says good-bye
    to nobody and commits nothing."""

    records_per_poll = 1

    def __init__(self, **settings: Any) -> None:
        self.after: dict[tuple[int, int], int] = {}  # (partition, next offset) -> sum of rows
        super().__init__(**settings, stores=SummedStores())

    def step(self) -> None:
        """One record, and the end; the next one begins with an empty cache."""
        ends, positions = self._ends(), self._positions()
        self.processor.step()
        if (self._ends(), self._positions()) == (ends, positions):
            return
        for number, store in self.memory_stores.items():
            next_offset = self.processor.position(number)
            if next_offset is not None and next_offset != positions[number]:
                self.after[number, next_offset] = _sum(store)
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
    """A fold of each log from 0 comes by every sum that was noted, to the same rows (I1). How many
    records a batch has makes no difference either: the other drivers' logs are folded in sevens.
    """
    for number, view in driver._views():
        until = view.position().next_offset
        store = SummedStore()
        partition = _anew(driver, number, until, store)
        for record in driver.log.read_all(driver.topics.commands, number)[:until]:
            partition.write(partition.fold([record]))
            noted = driver.after.get((number, record.offset + 1))
            if noted is not None:
                assert store.sum == noted, (number, record.offset)
        assert partition.view().digest() == view.digest(), number


def _sum(store: MemoryStore) -> int:
    assert isinstance(store, SummedStore)
    return store.sum


def assert_lively(driver: Driver) -> None:
    """No run is stuck, nothing lies around, and all who have a place, or wait for one, are known
    where their limit is.
    """
    partitions = [Tables(store) for _, store in sorted(driver.memory_stores.items())]
    for number, tables in enumerate(partitions):
        found = problems(tables)
        assert not found, f"partition {number}: {found}"
    assert not (found := places_at_rest(partitions)), found


def _anew(driver: Driver, number: int, mark: int, store: MemoryStore) -> Partition:
    return Partition(
        shard=Shard(number, driver.topics.partitions),
        store=RowStore(store),
        avro=driver.avro,
        mark=mark,
        rulings=read_rulings(driver.log, driver.avro, driver.topics, number),
    )
