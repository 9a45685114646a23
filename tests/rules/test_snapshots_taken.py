"""Snapshots whose place is away, whose turn comes late, and a store with damage (17, R13, R20)."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.core.commands.tick import Tick
from penstock.processor.snapshots.port import SnapshotError
from penstock.processor.snapshots.shelf import Shelf
from penstock.processor.snapshots.snapshotter import Snapshotter
from penstock.store.rocks import RocksStores
from tests.scenarios.driver import WAIT_S
from tests.scenarios.snapshots import SnapshotDriver, snapshot_driver, some_runs


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[SnapshotDriver]:
    with snapshot_driver(tmp_path) as made:
        yield made


def test_r20_who_waits_for_snapshots_that_can_not_be_asked_about_may_leave(
    driver: SnapshotDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a process could not end while their place is away."""
    some_runs(driver)
    asked = threading.Event()

    def away(_: Shelf) -> Iterator[str]:
        asked.set()
        raise SnapshotError("the place is away")

    monkeypatch.setattr(Shelf, "newest_first", away)
    driver.lose_disk()
    driver.processor = driver._begin()
    driver.until(asked.is_set)
    ending = threading.Thread(target=driver.stop, daemon=True)
    ending.start()
    ending.join(WAIT_S)
    assert not ending.is_alive()


@pytest.mark.fault(17)
def test_r13_damage_where_only_the_fold_looks_is_found_when_a_store_is_opened(
    driver: SnapshotDriver,
) -> None:
    """The state of the partition lies at one end of the store, its identity at the other."""
    some_runs(driver, 300)
    digests = driver.digests()
    driver.stop()
    stores = RocksStores(driver.directory / "stores")
    store = stores.open(0)
    store._db.compact_range(None, None)  # one table has it all, in order
    store.close()
    [table] = (driver.directory / "stores" / "partition-0").glob("*.sst")
    data = bytearray(table.read_bytes())
    data[:200] = bytes(200)
    table.write_bytes(data)
    driver.begin_again()
    assert driver.processor.stopped == {} and len(driver.asides()) == 1
    assert driver.digests() == digests


def test_each_partition_has_its_turn_at_snapshots(
    driver: SnapshotDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the first one is due again before the last one was taken."""
    taken: list[int] = []
    keep = Snapshotter._keep

    def noted(self: Snapshotter, course: Any, *more: Any) -> None:
        taken.append(course.shelf.identity.partition)
        keep(self, course, *more)

    monkeypatch.setattr(Snapshotter, "_keep", noted)
    number = 0
    while len(taken) < 8:
        for partition in range(driver.topics.partitions):
            courier = driver.processor._courier
            driver.log.append_and_wait(courier.command(partition, Tick(), tenant="default"))
        driver.step()
        number += 1
        assert number < 100_000
    assert [taken.count(one) for one in range(driver.topics.partitions)] == [4, 4]
