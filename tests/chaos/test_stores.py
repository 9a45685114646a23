"""Faults of the disk under a store, under load: it is full (15), what lies on it is cut, flipped,
gone, or of somebody else (7, 17, 18); and kills while what it is to have is folded anew (6).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.core.ids import partition_of_run
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore
from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.chaos.scene import PARTITIONS, append_runs, until
from tests.controls import chain
from tests.nodes.cluster import Node
from tests.small_disk import fill, small_disk

pytestmark = pytest.mark.timeout(300)
DISK_MIB, DISK_FREE_MIB = 64, 16
RESTORE_KILLS = 20
RESTORED_RUNS = 20_000  # more than these have time for, a thousand a batch
RESTORE_PLACES = ("before_produce", "after_acks_before_batch", "after_batch_before_commit")


@pytest.mark.chaos_long
@pytest.mark.fault(15)
def test_a_disk_that_is_full_stops_all_and_loses_nothing(
    play: Play, kafka_bootstrap: str, figures: Figures, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "small", DISK_MIB) as disk:
        more = ("--disk-free-mib", str(DISK_FREE_MIB))
        scene = play(kafka_bootstrap, folder=disk, more=more)
        scene.start()
        with scene.traffic() as traffic:
            for _ in range(2):
                traffic.until_acknowledged(60)
                filler = fill(disk, DISK_FREE_MIB - 4)
                until(lambda: scene.node.call("GET", "/readyz").status_code == 503, "it says so")
                [reason] = scene.node.call("GET", "/readyz").json()["reasons"]
                assert reason.startswith("NO_ROOM"), reason
                assert scene.node.call("GET", "/healthz").status_code == 200
                filler.unlink()
                traffic.until_acknowledged(60)
        scene.finish(traffic, figures)
        assert not list((scene.node.data / "stores").glob("*.*")), "nothing is set aside"


@pytest.mark.chaos_long
@pytest.mark.fault(7)
def test_a_power_cut_leaves_an_older_prefix_that_is_folded_on(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    """The disk as it was at some moment under load, with the end of what was not synced torn."""
    scene = play(kafka_bootstrap)
    scene.start()
    node, chance = scene.node, random.Random(7)
    stores = node.data / "stores"
    then = node.data.parent / "then"
    with scene.traffic() as traffic:
        traffic.until_acknowledged(300)
        node.signal(signal.SIGSTOP)
        assert node.pid is not None
        os.waitid(os.P_PID, node.pid, os.WSTOPPED | os.WNOWAIT)
        shutil.copytree(stores, then)
        node.signal(signal.SIGCONT)
        for log in then.glob("*/*.log"):  # RocksDB's write-ahead logs
            os.truncate(log, chance.randrange(log.stat().st_size // 2, log.stat().st_size))
        traffic.until_acknowledged(100)
        scene.kill(node)
        stood = _positions(node)
        shutil.rmtree(stores)
        then.rename(stores)
        older = _positions(node)
        assert all(older[number] <= stood[number] for number in stood), (older, stood)
        assert sum(older.values()) < sum(stood.values())
        node.start()
        traffic.until_acknowledged(100)
    scene.finish(traffic, figures)
    assert not list(stores.glob("*.*")), "a torn end is no damage: nothing is set aside"


def _damage(stores: Path) -> dict[str, Callable[[], None]]:
    """What is done to the store of partition 0, by the name of it."""
    store = stores / "partition-0"

    def flip() -> None:
        for table in store.glob("*.sst"):
            data = bytearray(table.read_bytes())
            for at in range(0, len(data), 64):
                data[at] ^= 0xFF
            table.write_bytes(data)

    def cut() -> None:
        for table in store.glob("*.sst"):
            os.truncate(table, table.stat().st_size // 2)

    def forget() -> None:
        for manifest in store.glob("MANIFEST-*"):
            manifest.unlink()

    def take_anothers() -> None:
        shutil.rmtree(store)
        shutil.copytree(stores / "partition-1", store)

    return {"flip": flip, "cut": cut, "forget": forget, "take anothers": take_anothers}


@pytest.mark.fault(17, 18)
def test_a_store_that_is_damaged_or_anothers_is_set_aside_and_folded_anew(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    scene = play(kafka_bootstrap)
    scene.start()
    node = scene.node
    damages = _damage(node.data / "stores")
    with scene.traffic() as traffic:
        for count, damage in enumerate(damages.values(), 1):
            traffic.until_acknowledged(100)
            node.terminate()
            assert node.ended(20) == 0
            damage()
            node.start()
            traffic.until_acknowledged(50)
            aside = list((node.data / "stores").glob("partition-0.*"))
            assert len(aside) == count, "it was found out"
    scene.finish(traffic, figures)


@pytest.mark.chaos_long
@pytest.mark.timeout(900)
@pytest.mark.fault(6)
def test_twenty_kills_while_the_log_is_folded_anew(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    """What has been folded is not folded again: the position never goes back. The assignment is a
    fixed one: a group would wait for each that was killed.
    """
    scene = play(kafka_bootstrap, more=("--own", f"0-{PARTITIONS - 1}"))
    scene.start()
    node = scene.node
    with scene.traffic() as traffic:
        traffic.until_acknowledged(300)
    node.accepted("PUT", "/v1/wf-specs?wait=all", {"name": "quick", "spec": chain()})
    others = append_runs(scene, lambda _: "quick", RESTORED_RUNS)
    until(lambda: has_folded(node, others), "all is folded", 300)
    scene.kill(node)
    end = _positions(node)
    shutil.rmtree(node.data / "stores")
    before: dict[int, int] = {}
    for kill in range(RESTORE_KILLS):
        place = RESTORE_PLACES[kill % len(RESTORE_PLACES)]
        killed = node.launch(f"{place}=kill@{1 + kill % 2}")
        assert killed.wait(60) == -signal.SIGKILL, node.printed()
        scene.kills += 1
        after = _positions(node)
        assert all(after[number] >= at for number, at in before.items()), (before, after)
        before = after
    assert 0 < sum(before.values()) < sum(end.values()), "they came while it was being folded"
    node.start()
    until(lambda: has_folded(node, others), "all is folded anew", 300)
    scene.finish(traffic, figures, others=others)


def has_folded(node: Node, runs: list[str]) -> bool:
    """Whether the last of these has come about, on each partition."""
    last = {partition_of_run(run, PARTITIONS): run for run in runs}
    return all(node.call("GET", f"/v1/wf-runs/{run}").is_success for run in last.values())


def _positions(node: Node) -> dict[int, int]:
    """How far the stores of a node that does not run have come."""
    stores = RocksStores(node.data / "stores")
    found: dict[int, int] = {}
    for number in range(PARTITIONS):
        if stores.exists(number):
            store = RowStore(stores.open(number))
            found[number] = store.position().next_offset
            store.close()
    return found
