"""Snapshots on the real logs: a lost disk is brought back, whatever the log still has."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from penstock.contracts.topics import Topics
from penstock.log.embedded import EmbeddedLog
from penstock.log.kafka import KafkaEngineLog
from penstock.log.port import EngineLog
from penstock.processor.snapshots.s3 import S3Objects
from penstock.processor.verify import Verifier
from tests.s3_server import BUCKET
from tests.scenarios.snapshots import SnapshotDriver, some_runs

MakeLog = Callable[[], EngineLog]


def test_a_lost_disk_comes_back_on_the_embedded_log(tmp_path: Path) -> None:
    """Which can not be truncated: the tail alone is folded all the same."""
    topics = Topics("test", 2)

    def log() -> EmbeddedLog:
        return EmbeddedLog(
            tmp_path / "log", commands=topics.commands, partitions=2, on_demand=topics.on_demand
        )

    with closing(SnapshotDriver(tmp_path, log=log(), topics=topics)) as driver:
        driver.open()
        some_runs(driver)
        taken = driver.snapshots()
        digests = driver.digests()
        driver.lose_disk()
    with closing(SnapshotDriver(tmp_path, log=log(), topics=topics)) as driver:
        driver.open()
        assert driver.digests() == digests
        for number, view in driver._views():
            since = [one.since for one in _verifier(driver).verify(number, view) if one.equal]
            assert since == [0, taken[number].next_offset]


@pytest.mark.fault(22)
def test_r16_a_lost_disk_comes_back_on_kafka_from_s3(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kafka_bootstrap: str,
    cluster_name: str,
    s3_environment: dict[str, str],
) -> None:
    """The log has been truncated behind the snapshots, so it can not have come from there."""
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    topics = Topics(cluster_name, 2)
    objects = S3Objects(f"s3://{BUCKET}/{cluster_name}")

    def log() -> KafkaEngineLog:
        return KafkaEngineLog(
            kafka_bootstrap,
            commands=topics.commands,
            partitions=2,
            on_demand=topics.on_demand,
            group=f"{cluster_name}.engine",
        )

    made = SnapshotDriver(tmp_path, objects, truncates=True, log=log(), topics=topics)
    with closing(made) as driver:
        driver.open()
        for _ in range(3):
            some_runs(driver, 3)
            driver.snapshots()
        begins = [driver.log.bounds(number)[0] for number in range(2)]
        assert all(begin > 0 for begin in begins)
        digests, events = driver.digests(), driver.events()
        driver.lose_disk()
    made = SnapshotDriver(tmp_path, objects, truncates=True, log=log(), topics=topics)
    with closing(made) as driver:
        driver.open()
        assert driver.processor.stopped == {}
        assert (driver.digests(), driver.events()) == (digests, events)
        for number, view in driver._views():
            [one] = _verifier(driver).verify(number, view)
            assert one.equal and one.since > 0


def _verifier(driver: SnapshotDriver) -> Verifier:
    return Verifier(driver.log, driver.avro, driver.topics, driver.place)
