"""R20 and R17: what the system refuses just now is no damage, and what is damage in one partition
is nobody else's trouble.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.store.port import StoreCorrupt, StoreError
from penstock.store.rocks import RocksStore, RocksStores
from tests.scenarios.snapshots import SnapshotDriver, snapshot_driver, some_runs

REFUSALS = 3
FEW_FILES = """
import os, resource, sys
from pathlib import Path
from penstock.store.port import StoreCorrupt, StoreError
from penstock.store.rocks import RocksStores

stores = RocksStores(Path(sys.argv[1]))
open_now = len(os.listdir("/proc/self/fd"))
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
refused = 0
for more in range(2, 40):
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + more, hard))
    try:
        stores.open(0).close()
    except StoreCorrupt as error:
        sys.exit(f"with {more} more: {error}")
    except StoreError:
        refused += 1
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
assert stores.open(0).get(b"a") == b"1"
print(refused)
"""


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[SnapshotDriver]:
    with snapshot_driver(tmp_path) as made:
        yield made


def test_r17_a_store_for_which_there_are_no_files_left_is_not_damaged(tmp_path: Path) -> None:
    """However many are missing; with enough of them it is as it was."""
    store = RocksStores(tmp_path).open(0)
    for number in range(5):
        store.write({b"a": b"1", b"%d" % number: bytes(100)})
    store.close()
    command = [sys.executable, "-c", FEW_FILES, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1


def test_r20_a_store_that_can_not_be_opened_just_now_is_opened_later(
    driver: SnapshotDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not set aside, nor folded anew; the others go on meanwhile."""
    some_runs(driver)
    digests, events = driver.digests(), driver.events()
    driver.stop()
    really, asked = RocksStores.open, list[int]()

    def refused(self: RocksStores, partition: int) -> RocksStore:
        asked.append(partition)
        if partition == 0 and asked.count(0) <= REFUSALS:
            raise StoreError("Too many open files")
        return really(self, partition)

    monkeypatch.setattr(RocksStores, "open", refused)
    driver.processor = driver._begin()
    driver.until(lambda: driver.processor.waiting)
    assert driver.processor.waiting == {0: "Too many open files"}
    driver.open()
    assert driver.processor.waiting == {}
    assert asked.count(0) == REFUSALS + 1
    assert asked[-1] == 0, "the others were open before"
    assert driver.asides() == []
    assert (driver.digests(), driver.events()) == (digests, events)


def test_r13_damage_that_a_write_meets_ends_nobody(
    driver: SnapshotDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when nothing else was in the batch: the store is set aside, and folded anew."""
    some_runs(driver)
    really, met = RocksStore.write, list[int]()

    def damaged(self: RocksStore, changes: dict[bytes, bytes | None]) -> None:
        if not met and self._partition == 1:
            met.append(1)
            raise StoreCorrupt("Corruption: block checksum mismatch", 1)
        really(self, changes)

    monkeypatch.setattr(RocksStore, "write", damaged)
    some_runs(driver)
    driver.open()
    assert met and driver.processor.failure is None
    assert [name.partition(".")[0] for name in driver.asides()] == ["partition-1"]
    assert driver.digests_and_refolds_agree()
