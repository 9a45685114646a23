"""Snapshots whose place is away, whose turn comes late, and a store with damage (17, R13, R20)."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from penstock.core.commands.tick import Tick
from penstock.processor.snapshots import bringing, directory
from penstock.processor.snapshots.directory import DirectoryObjects
from penstock.processor.snapshots.port import SnapshotError
from penstock.processor.snapshots.shelf import Shelf
from penstock.processor.snapshots.snapshotter import Snapshotter
from penstock.store.rocks import RocksStore, RocksStores
from tests.scenarios.driver import WAIT_S
from tests.scenarios.snapshots import SnapshotDriver, snapshot_driver, some_runs

P = TypeVar("P")


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


class Pieces:
    """Of what is read in pieces: at the first one, whoever reads waits until the server stops."""

    def __init__(self, stopping: threading.Event) -> None:
        self.begun = threading.Event()
        self.read = 0
        self._stopping = stopping

    def of(self, pieces: Iterator[P]) -> Iterator[P]:
        """The same pieces."""
        for piece in pieces:
            self.read += 1
            self.begun.set()
            assert self._stopping.wait(WAIT_S)
            yield piece


def _of_files(patch: pytest.MonkeyPatch, pieces: Pieces) -> None:
    chunks = bringing._chunks

    def watched(path: Path) -> Iterator[bytes]:
        return pieces.of(chunks(path))

    patch.setattr(bringing, "_chunks", watched)


def _of_rows(patch: pytest.MonkeyPatch, pieces: Pieces) -> None:
    really = RocksStores.open_copy

    def copy(self: RocksStores, path: Path) -> RocksStore:
        opened = really(self, path)
        scan = opened.scan

        def watched(start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
            return pieces.of(scan(start, end))

        patch.setattr(opened, "scan", watched)
        return opened

    patch.setattr(RocksStores, "open_copy", copy)


def _of_objects(patch: pytest.MonkeyPatch, pieces: Pieces) -> None:
    read = DirectoryObjects.read

    def watched(self: DirectoryObjects, name: str) -> Iterator[bytes]:
        return pieces.of(read(self, name))

    patch.setattr(DirectoryObjects, "read", watched)


@pytest.mark.parametrize("of_what", [_of_files, _of_rows, _of_objects])
def test_a_stop_waits_for_no_more_than_a_piece_of_a_snapshot(
    driver: SnapshotDriver,
    monkeypatch: pytest.MonkeyPatch,
    of_what: Callable[[pytest.MonkeyPatch, Pieces], None],
) -> None:
    """Else it would take as long as to read all rows, or the largest file."""
    some_runs(driver)
    driver.snapshots()
    for module in (bringing, directory):
        monkeypatch.setattr(module, "CHUNK_BYTES", 16)
    pieces = Pieces(driver.snapshotter._stopping)
    of_what(monkeypatch, pieces)
    some_runs(driver)
    driver.until(pieces.begun.is_set)
    driver.snapshotter.stop()
    assert pieces.read == 1
    assert "stopping" in "".join(driver.snapshotter.problems.values())
