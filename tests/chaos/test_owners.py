"""Two owners, one after the other or at once, under load (8, 9, 10, 44, 48)."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.chaos.conftest import Play
from tests.chaos.promotion import STANDBY, promotion
from tests.chaos.report import LINES, Figures
from tests.chaos.scene import PARTITIONS, SESSION_TIMEOUT_MS, has_all, until
from tests.chaos.traffic import define
from tests.nodes.cluster import Node

pytestmark = pytest.mark.timeout(240)
RUNS_BEHIND = 9_000


@pytest.mark.chaos_long
@pytest.mark.fault(8)
def test_an_owner_that_stood_still_repeats_nothing_with_other_content(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    """In the midst of a batch, past the session timeout; another one has its partitions by then."""
    scene = play(kafka_bootstrap, kafka_bootstrap)
    scene.start()
    still, other = scene.nodes
    until(lambda: still.url in other.owners().values(), "both have something")
    with scene.traffic() as traffic:
        traffic.until_acknowledged(100)
        still.signal(signal.SIGSTOP)
        try:
            until(lambda: has_all(other), "the other one has all")
            traffic.until_acknowledged(50)
        finally:
            still.signal(signal.SIGCONT)
        traffic.until_acknowledged(200)
    scene.finish(traffic, figures)


@pytest.mark.fault(10)
def test_two_processes_that_own_the_same_partitions_come_to_the_same(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    """With a fixed assignment Kafka fences nobody. All is sent twice, with equal stamps, and each
    report counts once.
    """
    own_all = ("--own", f"0-{PARTITIONS - 1}")
    scene = play(kafka_bootstrap, kafka_bootstrap, more=own_all)
    scene.start()
    define(scene.nodes[1])  # it has the same partitions, and may be behind
    with scene.traffic() as traffic:
        traffic.until_acknowledged(300)
    found = scene.finish(traffic, figures, own_marks=False)
    assert found.stores == 2 * PARTITIONS
    assert found.sent_twice >= found.runs, "both have sent"


@pytest.mark.chaos_long
@pytest.mark.fault(44)
@pytest.mark.parametrize("place", ["before_produce", "after_acks_before_batch"])
def test_a_partition_that_goes_while_a_batch_is_in_flight(
    play: Play, kafka_bootstrap: str, figures: Figures, place: str
) -> None:
    """Another node comes while one is within a batch; the batch ends before the partition goes."""
    scene = play(kafka_bootstrap, kafka_bootstrap)
    one, other = scene.nodes
    one.start(f"{place}=sleep:4@30")
    define(one)
    with scene.traffic() as traffic:
        traffic.until_acknowledged(40)
        other.start()
        until(lambda: other.url in other.owners().values(), "the other one has something")
        traffic.until_acknowledged(200)
        assert one.is_running()
    scene.finish(traffic, figures)


@pytest.mark.chaos_long
@pytest.mark.fault(44)
@pytest.mark.parametrize("place", ["after_produce_before_acks", "after_acks_before_batch"])
def test_a_partition_that_is_lost_while_a_batch_is_in_flight(
    play: Play, kafka_bootstrap: str, figures: Figures, place: str
) -> None:
    """The owner stands still within a batch until another one has folded the same records."""
    scene = play(kafka_bootstrap, kafka_bootstrap)
    one, other = scene.nodes
    one.start(f"{place}=sleep:1@30")
    define(one)
    other.start()
    with scene.traffic() as traffic:
        traffic.until_acknowledged(30)
        one.signal(signal.SIGSTOP)
        try:
            time.sleep(SESSION_TIMEOUT_MS / 1_000)
            until(lambda: has_all(other), "the other one has all")
            traffic.until_acknowledged(50)
        finally:
            one.signal(signal.SIGCONT)
        traffic.until_acknowledged(100)
    scene.finish(traffic, figures)


@pytest.mark.fault(9)
def test_a_second_server_on_a_directory_takes_nothing_from_the_first(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    scene = play(kafka_bootstrap)
    scene.start()
    second = Node(scene.node.data, kafka_bootstrap, scene.cluster, ("--partitions", "3"))
    with scene.traffic() as traffic:
        traffic.until_acknowledged(60)
        assert second.launch().wait(30) == 1
        assert "is in use by another process" in second.printed()
        traffic.until_acknowledged(60)
    scene.finish(traffic, figures, calm=True)


@pytest.mark.fault(48)
@pytest.mark.parametrize(
    "runs", [RUNS_BEHIND, pytest.param(105_000 * PARTITIONS, marks=pytest.mark.chaos_long)]
)
@pytest.mark.timeout(900)
def test_a_standby_that_is_behind_leaves_out_nothing(
    play: Play,
    kafka_bootstrap: str,
    figures: Figures,
    record_property: Callable[[str, object], None],
    runs: int,
) -> None:
    """By some records, and by 100,000."""
    made = promotion(play(kafka_bootstrap, kafka_bootstrap, more=STANDBY), figures, runs)
    record_property(LINES, made.told())
    assert made.behind > 0, made
    assert (made.missing, made.unstamped, made.found.sent_twice) == (0, 0, 0), made
