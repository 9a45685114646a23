"""I1: a log folds to the same bytes, whatever the batches, process, hash seed, time zone and
locale; and in each release."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.replay import folding
from tests.replay.folding import KeptLog, digests
from tests.replay.recording import a_full_log
from tests.scenarios.driver import memory_driver

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> KeptLog:
    """A log of everything."""
    with memory_driver(tmp_path_factory.mktemp("log")) as driver:
        kept = a_full_log(driver)
        assert digests(kept, 100) == driver.digests()
        return kept


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 1_000])
def test_the_size_of_batches_does_not_matter(log: KeptLog, batch: int) -> None:
    """The fold can not see them."""
    assert digests(log, batch) == digests(log, 100)


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "2", "TZ": "Pacific/Kiritimati"},
        {"PYTHONHASHSEED": "3", "TZ": "America/New_York", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR"},
    ],
)
def test_the_process_and_its_environment_do_not_matter(
    log: KeptLog, tmp_path: Path, environment: dict[str, str]
) -> None:
    """The same digests, printed by another process."""
    path = tmp_path / "commands.log"
    path.write_bytes(msgspec.msgpack.encode(log))
    printed = subprocess.run(
        [sys.executable, folding.__file__, str(path), "5"],
        env=os.environ | environment | {"PYTHONPATH": f"{ROOT}:{ROOT / 'engine'}"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert printed.stdout.split() == digests(log, 100)


def test_another_log_has_other_digests(log: KeptLog) -> None:
    """So that equal ones mean something: the first record of the longest partition is left out."""
    longest = max(range(len(log.partitions)), key=lambda number: len(log.partitions[number]))
    shorter = KeptLog([list(records) for records in log.partitions], log.rulings)
    shorter.partitions[longest].pop(0)  # a definition; one in the middle may be a Tick
    assert digests(shorter, 100)[longest] != digests(log, 100)[longest]
