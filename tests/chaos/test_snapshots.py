"""Snapshots that are no good, and a log that is cut behind good ones, under load (22, 23)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from penstock.processor.snapshots.manifest import Manifest
from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.chaos.scene import PARTITIONS, Scene, cut_log, until
from tests.scenarios.damages import flipped, newer_build, truncated

pytestmark = [pytest.mark.chaos_long, pytest.mark.timeout(240)]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Where all nodes keep their snapshots."""
    return tmp_path / "snapshots"


def _keep(shelf: Path) -> tuple[str, ...]:
    return ("--snapshots", str(shelf), "--snapshot-records", "40", "--snapshots-kept", "2")


def _manifests(shelf: Path, number: int) -> list[Path]:
    """Those of a partition, the oldest first."""
    return sorted(shelf.glob(f"*/{number}/manifests/*"))


def _wait_for_two(shelf: Path) -> None:
    until(
        lambda: all(len(_manifests(shelf, number)) >= 2 for number in range(PARTITIONS)),
        "two snapshots of each partition",
    )


@pytest.mark.fault(22)
@pytest.mark.parametrize("damage", [truncated, flipped, newer_build])
def test_a_bad_snapshot_is_passed_over_and_nothing_is_lost(
    play: Play,
    kafka_bootstrap: str,
    figures: Figures,
    shelf: Path,
    damage: Callable[[Path], None],
) -> None:
    """The disk is lost, too; the snapshot before the bad one, and the log, bring all back."""
    scene = play(kafka_bootstrap, more=_keep(shelf))
    scene.start()
    with scene.traffic() as traffic:
        _wait_for_two(shelf)
        scene.kill(scene.node)
        shutil.rmtree(scene.node.data / "stores")
        for number in range(PARTITIONS):
            damage(_manifests(shelf, number)[-1])
        scene.node.start()
        assert scene.node.printed().count("is passed over") == PARTITIONS
        traffic.until_acknowledged(100)
    scene.finish(traffic, figures, snapshots=shelf)


@pytest.mark.fault(23)
def test_a_standby_that_the_log_has_left_behind_takes_over_all_the_same(
    play: Play, kafka_bootstrap: str, figures: Figures, shelf: Path
) -> None:
    """What it lacks is in the log no more: it begins again from a snapshot."""
    scene = play(kafka_bootstrap, kafka_bootstrap, more=(*_keep(shelf), "--standbys", "1"))
    scene.start()
    owner, standby = scene.nodes
    with scene.traffic() as traffic:
        traffic.until_acknowledged(60)
        standby.terminate()
        assert standby.ended(20) == 0
        _wait_for_two(shelf)
        traffic.until_acknowledged(150)
        gone = cut_log(scene, _ends_of_older(shelf))
        standby.start()
        until(lambda: _behind(scene) == PARTITIONS, "its stores are set aside")
        until(lambda: standby.url in standby.owners().values(), "it has its share")
        scene.kill(owner)
        traffic.until_acknowledged(100)
        owner.start()
    scene.finish(traffic, figures, snapshots=shelf, gone=gone)


def _ends_of_older(shelf: Path) -> dict[int, int]:
    """Where the older of two snapshots stands, of each partition."""
    older = {number: _manifests(shelf, number)[-2] for number in range(PARTITIONS)}
    return {
        number: msgspec.json.decode(path.read_bytes(), type=Manifest).next_offset
        for number, path in older.items()
    }


def _behind(scene: Scene) -> int:
    return len(list((scene.nodes[1].data / "stores").glob("partition-*.behind-*")))
