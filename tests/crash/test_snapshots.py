"""kill -9 of processes that take a snapshot or restore one (catalogue row 6)."""

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from penstock.contracts.topics import Topics
from penstock.processor.snapshots.manifest import Manifest
from penstock.store.rocks import RocksStores
from tests.crash.restoring import embedded
from tests.scenarios.driver import Driver
from tests.scenarios.snapshots import some_runs

KILLS = 20
SIGKILL = -9


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A log with some runs, and the store that they came to."""
    topics = Topics("test", 1)
    stores = RocksStores(tmp_path / "stores")
    with closing(Driver(log=embedded(tmp_path, topics), topics=topics, stores=stores)) as driver:
        driver.wait_until_open()
        some_runs(driver)
    return tmp_path


def process(verb: str, directory: Path, failpoint: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.crash.restoring", verb, str(directory), failpoint]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def brought(directory: Path) -> set[str]:
    """The files of a restore that are here in whole."""
    staging = directory / "staging" / "restore-0"
    found = {path.name for path in staging.glob("*") if path.suffix != ".part"}
    return {name for name in found if not name.startswith("LOG")}


def manifest_of(directory: Path) -> Manifest:
    [path] = (directory / "objects").glob("*/0/manifests/*.json")
    return msgspec.json.decode(path.read_bytes(), type=Manifest)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.fault(6)
def test_twenty_kills_while_restoring_lose_nothing_that_was_brought(directory: Path) -> None:
    before = said(process("snapshot", directory))
    shutil.rmtree(directory / "stores")
    files = len(manifest_of(directory).files)
    here: set[str] = set()
    for kill in range(KILLS):  # the last place is when all is here and nothing is adopted yet
        at = min(1 + kill // 3, files + 1)
        done = process("restore", directory, f"mid_restore=kill@{at}")
        assert done.returncode == SIGKILL, done.stderr
        assert here <= brought(directory)
        here = brought(directory)
        assert len(here) >= min(at, files)
        assert not (directory / "stores" / "partition-0").exists()
    assert said(process("restore", directory)) == before


@pytest.mark.timeout(180)
@pytest.mark.parametrize("at", [1, 3])
def test_a_kill_while_a_snapshot_is_brought_away_leaves_none(directory: Path, at: int) -> None:
    """And the next one is whole, and needs not bring again what is there."""
    done = process("snapshot", directory, f"mid_snapshot=kill@{at}")
    assert done.returncode == SIGKILL, done.stderr
    assert len(list((directory / "objects").glob("*/0/data/*"))) >= at
    assert not list((directory / "objects").glob("*/0/manifests/*"))
    before = said(process("snapshot", directory))
    shutil.rmtree(directory / "stores")
    assert said(process("restore", directory)) == before
