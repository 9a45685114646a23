"""Faults of the broker, under load: it dies, it stands still, its disk is full (11, 12, 14,
16)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.chaos import brokers
from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.kafka_broker import Broker
from tests.small_disk import fill, small_disk

pytestmark = pytest.mark.timeout(240)
DISK_MIB = 160


@pytest.mark.chaos_long
@pytest.mark.fault(11)
def test_a_broker_that_is_killed_loses_nothing(
    play: Play, own_broker: Broker, figures: Figures
) -> None:
    scene = play(own_broker.bootstrap)
    scene.start()
    with scene.traffic() as traffic:
        for _ in range(2):
            traffic.until_acknowledged(100)
            own_broker.kill()
            scene.kills += 1
            time.sleep(1.0)
            own_broker.start()
            traffic.until_acknowledged(100)
    scene.finish(traffic, figures)


@pytest.mark.fault(12)
@pytest.mark.chaos_long
@pytest.mark.parametrize("stands_s", [8.0, 30.0])
def test_a_broker_that_stands_still_goes_on_with_nobodys_help(
    play: Play, own_broker: Broker, figures: Figures, stands_s: float
) -> None:
    scene = play(own_broker.bootstrap)
    scene.start()
    with scene.traffic() as traffic:
        traffic.until_acknowledged(100)
        brokers.stop_still(own_broker)
        time.sleep(stands_s)
        assert scene.node.is_running()
        brokers.go_on(own_broker)
        traffic.until_acknowledged(200)
    scene.finish(traffic, figures)


@pytest.mark.chaos_long
@pytest.mark.kafka
@pytest.mark.fault(14)
@pytest.mark.timeout(480)
def test_leaders_and_coordinators_that_move_need_no_restart(play: Play, figures: Figures) -> None:
    """Of three brokers one is stopped, and comes back; then another one is killed."""
    with brokers.three() as (first, second, third):
        scene = play(",".join(one.bootstrap for one in (first, second, third)))
        scene.start()
        with scene.traffic() as traffic:
            traffic.until_acknowledged(100)
            second.terminate()
            traffic.until_acknowledged(100)
            second.start()
            traffic.until_acknowledged(100)
            third.kill()
            scene.kills += 1
            traffic.until_acknowledged(200)
            assert scene.node.is_running()
            third.start()
            traffic.until_acknowledged(100)
        scene.finish(traffic, figures)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A directory on a small disk of its own."""
    with small_disk(tmp_path / "small", DISK_MIB) as directory:
        yield directory


@pytest.mark.chaos_long
@pytest.mark.kafka
@pytest.mark.fault(16)
def test_a_broker_whose_disk_is_full_loses_nothing_that_was_acknowledged(
    play: Play, small: Path, figures: Figures
) -> None:
    """Kafka ends itself then; clients have 503 until it is back, with room."""
    with brokers.running(small / "kafka") as own:
        scene = play(own.bootstrap)
        scene.start()
        with scene.traffic() as traffic:
            traffic.until_acknowledged(100)
            filler = fill(small)
            own.wait()
            refused = httpx.post(
                f"{scene.node.url}/v1/wf-runs", json={"wf_spec": "nobodys"}, timeout=30.0
            )
            assert refused.status_code in (503, 504), refused.text
            assert scene.node.call("GET", "/readyz").status_code == 503
            filler.unlink()
            own.start()
            traffic.until_acknowledged(200)
        scene.finish(traffic, figures)
