"""What an operator, or a setting, does to the topics and offsets under the engine (19, 20, 21): the
partition stops by name, nothing is skipped, and what mends it is said.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka import admin as _admin

from penstock.core.state.run import WfRun
from penstock.store.port import META
from penstock.store.rocks import RocksStores
from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.chaos.scene import PARTITIONS, Scene, cut_log, until
from tests.chaos.traffic import Traffic
from tests.crash.server import LOST
from tests.sim.tables import kind_of

pytestmark = pytest.mark.timeout(240)
admin: Any = _admin


@pytest.fixture
def scene(play: Play, kafka_bootstrap: str) -> Scene:
    """One server."""
    return play(kafka_bootstrap)


def _played(scene: Scene) -> Traffic:
    """Some runs, all ended, and a clean stop."""
    scene.start()
    with scene.traffic() as traffic:
        traffic.until_acknowledged(150)
    _stop(scene)
    return traffic


def _stop(scene: Scene) -> None:
    scene.look()
    scene.node.terminate()
    assert scene.node.ended(20) == 0


def _reasons(scene: Scene) -> str:
    try:
        answer = scene.node.call("GET", "/readyz")
    except LOST:
        return ""
    return "" if answer.status_code == 200 else str(answer.json()["reasons"])


def _stops_with(scene: Scene, code: str) -> str:
    """Start; every partition stops by this name."""
    scene.node.launch()
    until(lambda: _reasons(scene).count(code) == PARTITIONS, f"all stop with {code}")
    return _reasons(scene)


def _commands(scene: Scene) -> str:
    return f"{scene.cluster}.commands"


def _set_offsets(scene: Scene, offset: int) -> None:
    client = admin.AdminClient({"bootstrap.servers": scene.kafka})
    there = [TopicPartition(_commands(scene), number, offset) for number in range(PARTITIONS)]
    group = ConsumerGroupTopicPartitions(f"{scene.cluster}.engine", there)
    client.alter_consumer_group_offsets([group])[group.group_id].result()


@pytest.mark.chaos_long
@pytest.mark.fault(20)
@pytest.mark.parametrize("offset", [0, 10_000_000], ids=["back", "forward"])
def test_offsets_that_were_set_from_outside_stop_and_are_explained(
    scene: Scene, figures: Figures, offset: int
) -> None:
    traffic = _played(scene)
    _set_offsets(scene, offset)
    said = _stops_with(scene, "NO_MARK")
    assert str(offset) in said and "not committed by us" in said
    _stop(scene)
    scene.node.start(None, "--adopt-log")
    with scene.traffic() as more:
        more.until_acknowledged(50)
    scene.finish(_both(traffic, more), figures, own_marks=False)


@pytest.mark.fault(21)
def test_records_that_were_deleted_before_they_were_folded_are_a_loss_of_data(
    scene: Scene, figures: Figures
) -> None:
    """A store that was lost, behind a log that begins later: nothing is skipped silently."""
    traffic = _played(scene)
    stores, kept = scene.node.data / "stores", scene.node.data / "kept"
    shutil.move(stores, kept)
    gone = cut_log(scene, dict.fromkeys(range(PARTITIONS), 5))
    said = _stops_with(scene, "DATA_LOSS")
    assert "begins at 5" in said
    _stop(scene)
    shutil.rmtree(stores)
    shutil.move(kept, stores)
    scene.node.start()
    with scene.traffic() as more:
        more.until_acknowledged(50)
    scene.finish(_both(traffic, more), figures, gone=gone)


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    "is_up", [pytest.param(True, marks=pytest.mark.chaos_long), False], ids=["up", "down"]
)
def test_commands_that_were_deleted_and_made_again_are_another_log(
    scene: Scene, figures: Figures, is_up: bool
) -> None:
    """Kafka forgets the group's offsets with the topic; the stores know their topic's id."""
    scene.audit(_played(scene), figures)
    before = _runs(scene)
    assert before
    if is_up:
        scene.node.start()
    client = admin.AdminClient({"bootstrap.servers": scene.kafka})
    client.delete_topics([_commands(scene)])[_commands(scene)].result()
    config = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
    new = admin.NewTopic(_commands(scene), PARTITIONS, 1, config=config)

    def made() -> bool:
        error = client.create_topics([new])[_commands(scene)].exception()
        assert error is None or "TOPIC_ALREADY_EXISTS" in str(error), error
        return error is None  # else it is still being deleted

    until(made, "the topic is made again")
    if is_up:
        until(lambda: _reasons(scene).count("INTEGRITY") == PARTITIONS, "what it reads is gone")
        _stop(scene)
    assert scene.node.launch().wait(30) == 1
    assert "INTEGRITY" in scene.node.printed() and "made again" in scene.node.printed()
    assert not list((scene.node.data / "stores").glob("*.*")), "nothing is set aside"
    assert _runs(scene) == before, "and all is as it was"
    scene.bounds.check()


def _runs(scene: Scene) -> dict[bytes, bytes]:
    """The rows of all runs, in the stores of a node that does not run."""
    stores, found = RocksStores(scene.node.data / "stores"), dict[bytes, bytes]()
    for number in range(PARTITIONS):
        with closing(stores.open(number)) as store:
            rows = store.view().scan(b"", META)
            found.update((key, value) for key, value in rows if kind_of(key) is WfRun)
    return found


def _both(one: Traffic, other: Traffic) -> Traffic:
    """What was told in two times."""
    one.acks += other.acks
    one.started += other.started
    one.told.outputs |= other.told.outputs
    return one
