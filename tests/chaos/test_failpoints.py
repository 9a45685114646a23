"""kill -9 of the owner at each place of a batch, under load (1 to 5)."""

from __future__ import annotations

import signal

import pytest

from penstock.processor.failpoints import IN_BATCH
from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.chaos.traffic import define

pytestmark = pytest.mark.timeout(240)
KILLS = 2
AT_BATCH = 60
SHORT = "mid_produce"
"""Stands for all in `make test`: some of a batch has been sent, and some has not."""


@pytest.mark.fault(1, 2, 3, 4, 5)
@pytest.mark.parametrize(
    "place",
    [pytest.param(one, marks=[] if one == SHORT else pytest.mark.chaos_long) for one in IN_BATCH],
)
def test_a_kill_within_a_batch_under_load(
    play: Play, kafka_bootstrap: str, figures: Figures, place: str
) -> None:
    """Who was not answered asks again, under the same command id, and has one effect."""
    scene = play(kafka_bootstrap)
    node = scene.node
    node.start()
    define(node)
    with scene.traffic() as traffic:
        for _ in range(KILLS):
            traffic.until_acknowledged(60)
            node.terminate()
            assert node.ended(20) == 0
            node.launch(f"{place}=kill@{AT_BATCH}")
            assert node.ended(60) == -signal.SIGKILL, node.printed()
            scene.kills += 1
            node.start()
        traffic.until_acknowledged(100)
    scene.finish(traffic, figures)
