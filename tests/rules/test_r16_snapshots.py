"""R16 truncation, R13 and R14 with snapshots, R20; catalogue rows 17, 18, 22 and 23."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from penstock.core.commands.tick import Tick
from penstock.core.ids import partition_of_run
from penstock.processor.partition import Batch, Partition
from penstock.processor.snapshots.directory import DirectoryObjects
from penstock.processor.snapshots.manifest import Manifest
from penstock.processor.snapshots.port import SnapshotError
from penstock.processor.snapshots.shelf import Shelf
from penstock.processor.verify import Verifier, forget_verifications
from penstock.store import rocks
from penstock.store.port import Identity, StoreError
from tests.scenarios.damages import DAMAGES
from tests.scenarios.snapshots import SnapshotDriver, snapshot_driver, some_runs
from tests.scenarios.story import run


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[SnapshotDriver]:
    with snapshot_driver(tmp_path) as made:
        yield made


def test_r14_a_lost_store_comes_back_from_its_snapshot_and_repeats_nothing(
    driver: SnapshotDriver,
) -> None:
    """The log is cut off where the snapshots stand, so only they can have brought it back."""
    some_runs(driver)
    for number, manifest in driver.snapshots().items():
        driver.log.truncate(number, manifest.next_offset)
    some_runs(driver)
    digests, events = driver.digests(), driver.events()
    driver.lose_disk()
    driver.begin_again()
    assert driver.processor.stopped == {}
    assert (driver.digests(), driver.events()) == (digests, events)
    assert driver.asides() == []


@pytest.mark.fault(21)
def test_r14_without_snapshots_a_truncated_log_stops_by_name(driver: SnapshotDriver) -> None:
    some_runs(driver)
    for number, manifest in driver.snapshots().items():
        driver.log.truncate(number, manifest.next_offset)
    driver.lose_disk()
    shutil.rmtree(driver.directory / "objects")
    driver.begin_again()
    assert {str(one.cause) for one in driver.processor.stopped.values()} == {"DATA_LOSS"}


def _newest(objects: Path, folder: str = "manifests") -> list[Path]:
    """The newest manifest of each partition."""
    return [sorted(one.glob(f"{folder}/*"))[-1] for one in objects.glob("memory/*")]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.fault(22)
def test_r13_a_bad_snapshot_is_passed_over_for_the_next_older_one(
    driver: SnapshotDriver, damage: Callable[[Path], None]
) -> None:
    some_runs(driver)
    older = driver.snapshots()
    some_runs(driver)
    driver.snapshots()
    digests = driver.digests()
    driver.lose_disk()
    objects = driver.directory / "objects"
    for manifest in _newest(objects):
        damage(manifest)
        for path in sorted(manifest.parent.iterdir())[-2:-1]:
            found = msgspec.json.decode(path.read_bytes(), type=Manifest)
            driver.log.truncate(found.partition, found.next_offset)
    assert all(one.next_offset for one in older.values())
    driver.begin_again()
    assert driver.processor.stopped == {}
    assert driver.digests() == digests
    assert not list(driver.directory.rglob("escaped"))


@pytest.mark.fault(22)
def test_r13_with_no_good_snapshot_all_is_folded_anew(driver: SnapshotDriver) -> None:
    some_runs(driver)
    driver.snapshots()
    digests = driver.digests()
    driver.lose_disk()
    for path in (driver.directory / "objects").rglob("data/*"):
        path.write_bytes(b"")
    driver.begin_again()
    assert driver.digests() == digests


def test_r13_a_snapshot_of_records_that_the_log_does_not_hold_is_not_taken(
    driver: SnapshotDriver,
) -> None:
    some_runs(driver)
    digests = driver.digests()
    driver.snapshots()
    driver.lose_disk()
    for manifest in _newest(driver.directory / "objects"):
        found = msgspec.json.decode(manifest.read_bytes())
        found["last_hash"] = "00" * 16
        manifest.write_bytes(msgspec.json.encode(found))
    driver.begin_again()
    assert driver.digests() == digests


@pytest.mark.fault(17)
def test_r13_damage_found_while_reading_sets_the_store_aside(driver: SnapshotDriver) -> None:
    """Row 17: an SST has rotted under a store that opens well."""
    some_runs(driver)
    driver.snapshots()
    digests = driver.digests()
    driver.stop()
    for path in (driver.directory / "stores").rglob("*.sst"):
        data = bytearray(path.read_bytes())
        data[10:200] = bytes(190)
        path.unlink()  # else the snapshots' links would change too
        path.write_bytes(data)
    rocks.shared_blocks.cache_clear()
    driver.begin_again()
    some_runs(driver)
    refolded = driver.digests()
    assert driver.processor.failure is None
    assert any("corrupt" in name for name in driver.asides())
    assert refolded != digests
    assert driver.digests_and_refolds_agree()


def test_r16_the_log_is_kept_from_the_oldest_kept_snapshot_on(tmp_path: Path) -> None:
    with snapshot_driver(tmp_path, truncates=True) as driver:
        some_runs(driver, 2)
        driver.snapshots()
        for _ in range(3):
            some_runs(driver, 2)
            driver.snapshots()
        for number in range(2):
            folder = tmp_path / "objects" / "memory" / str(number) / "manifests"
            kept = sorted(int(path.stem) for path in folder.iterdir())
            assert len(kept) == 2
            assert driver.log.bounds(number)[0] == kept[0] > 0
        digests = driver.digests()
        driver.lose_disk()
        driver.begin_again()
        assert driver.digests() == digests


def test_r16_one_good_snapshot_is_not_enough_to_truncate(tmp_path: Path) -> None:
    """The others have rotted since: another process finds that out when it reads them back."""
    with snapshot_driver(tmp_path, truncates=True) as driver:
        some_runs(driver, 2)
        driver.snapshots()
        driver.stop()
        for path in (tmp_path / "objects").rglob("data/*"):
            path.write_bytes(b"rotten")
        before = [driver.log.bounds(number)[0] for number in range(2)]
        driver.begin_again()
        number = partition_of_run(run(driver, "waits").id, 2)
        driver.snapshots()
        shelf = Shelf(driver.place.objects, Identity("memory", number, 2))
        assert len(shelf.good(2)) == 1
        assert [driver.log.bounds(n)[0] for n in range(2)] == before
        while len(shelf.good(2)) < 2:
            run(driver, "waits")
            driver.snapshots()
        assert driver.log.bounds(number)[0] == shelf.good(2)[1].next_offset > before[number]


@pytest.mark.fault(23)
def test_r16_a_store_that_lags_behind_the_log_is_restored(tmp_path: Path) -> None:
    """Row 23."""
    with snapshot_driver(tmp_path, truncates=True) as driver:
        some_runs(driver, 2)
        driver.stop()
        shutil.copytree(tmp_path / "stores", tmp_path / "old")
        driver.begin_again()
        for _ in range(3):
            some_runs(driver, 2)
            driver.snapshots()
        digests = driver.digests()
        driver.stop()
        shutil.rmtree(tmp_path / "stores")
        (tmp_path / "old").rename(tmp_path / "stores")
        driver.begin_again()
        assert driver.processor.stopped == {}
        assert driver.digests() == digests
        assert [name.split(".")[1] for name in driver.asides()] == ["behind-1", "behind-1"]


class SlowObjects(DirectoryObjects):
    """Reads of partition 0 wait until they may go on."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.go_on = threading.Event()
        self.go_on.set()

    def read(self, name: str) -> Iterator[bytes]:
        if name.startswith("memory/0/"):
            assert self.go_on.wait(30)
        return super().read(name)


def test_r20_restoring_is_not_stalling(tmp_path: Path) -> None:
    """Partition 1 goes on while partition 0 waits for its snapshot."""
    objects = SlowObjects(tmp_path / "objects")
    with snapshot_driver(tmp_path, objects) as driver:
        some_runs(driver)
        driver.snapshots()
        digests = driver.digests()
        driver.lose_disk()
        objects.go_on.clear()
        driver.processor = driver._begin()
        driver.until(lambda: driver.processor.owned() == [1])
        driver.until(lambda: driver.processor.position(1) == driver.log.bounds(1)[1])
        assert driver.processor.view(1).digest() == digests[1]
        assert driver.processor.position(0) is None
        driver.processor.lost([0])
        driver.processor.assigned([0])
        objects.go_on.set()
        driver.open()
        assert driver.digests() == digests


class BrokenObjects(DirectoryObjects):
    """Refuses to write as long as it is told to."""

    broken = True

    def put(self, name: str, content: Path | bytes) -> None:
        if self.broken:
            raise SnapshotError("no space")
        super().put(name, content)


def test_a_place_that_fails_stops_no_partition(tmp_path: Path) -> None:
    objects = BrokenObjects(tmp_path / "objects")
    with snapshot_driver(tmp_path, objects) as driver:
        some_runs(driver)
        driver.until(lambda: driver.snapshotter.problems)
        assert driver.snapshotter.newest == {}
        assert set(driver.snapshotter.problems.values()) == {"no space"}
        failures = driver.snapshotter.failures
        assert failures > 0
        objects.broken = False
        assert set(driver.snapshots()) == {0, 1}
        assert driver.snapshotter.problems == {}
        assert driver.snapshotter.failures >= failures, "it is a counter"
        ages = driver.snapshotter.ages_s
        assert all(age is not None and 0 <= age < 60 for age in ages.values())


def test_files_that_two_snapshots_have_are_brought_once(driver: SnapshotDriver) -> None:
    """And what no snapshot names any more is deleted."""
    some_runs(driver, 40)
    driver.snapshots()
    for _ in range(4):
        some_runs(driver, 1)
        driver.snapshots()
    objects = driver.directory / "objects" / "memory" / "0"
    manifests = [
        msgspec.json.decode(path.read_bytes(), type=Manifest)
        for path in sorted((objects / "manifests").iterdir())
    ]
    named = [{file.sha256 for file in one.files} for one in manifests]
    assert len(manifests) == 2
    there = {path.name for path in (objects / "data").iterdir()}
    assert named[0] & named[1]
    assert named[0] | named[1] <= there
    assert len(there) <= len(named[0] | named[1]) + 8  # of the snapshot that went last


def test_verify_folds_from_the_newest_snapshot_on(driver: SnapshotDriver) -> None:
    some_runs(driver)
    manifests = driver.snapshots()
    view = driver.processor.view(1)
    assert view is not None
    verifier = Verifier(driver.log, driver.avro, driver.topics, driver.place)
    first, second = verifier.verify(1, view)
    assert (first.since, second.since) == (0, manifests[1].next_offset)
    assert first.equal and second.equal
    driver.log.truncate(1, manifests[1].next_offset)
    [only] = verifier.verify(1, view)
    assert only.equal and only.since == manifests[1].next_offset
    [without] = Verifier(driver.log, driver.avro, driver.topics).verify(1, view)
    assert not without.equal and "--snapshots" in (without.problem or "")


def test_verify_folds_on_the_disk_and_leaves_nothing_there(
    driver: SnapshotDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition may have more rows than there is memory. Without room it says so."""
    some_runs(driver)
    driver.snapshots()
    staging, seen = driver.directory / "room", list[str]()
    really = Partition.write

    def looked_at(self: Partition, batch: Batch) -> None:
        seen.extend(path.name for path in staging.iterdir())
        if len(set(seen)) == 2:
            raise StoreError("No space left on device")
        really(self, batch)

    driver.log.append_and_wait(driver.processor._courier.command(1, Tick(), tenant="default"))
    driver.until(driver._folded_all)
    view = driver.processor.view(1)
    assert view is not None
    monkeypatch.setattr(Partition, "write", looked_at)
    place = driver.place
    verifier = Verifier(driver.log, driver.avro, driver.topics, place, staging)
    first, second = verifier.verify(1, view)
    assert first.equal and not second.equal
    assert "No space left" in (second.problem or "")
    assert len(set(seen)) == 2 and not [*staging.iterdir()]
    (staging / "verify-1-left").mkdir()
    (staging / "restore-1").mkdir()
    forget_verifications(staging)
    assert [path.name for path in staging.iterdir()] == ["restore-1"]
