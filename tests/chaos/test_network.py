"""A node that is cut off from its broker, under load (13)."""

from __future__ import annotations

import time

import pytest

from penstock.core.ids import partition_of_run
from tests.chaos import brokers
from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.chaos.scene import PARTITIONS, SESSION_TIMEOUT_MS, has_all, until
from tests.nodes.cluster import Node

pytestmark = [pytest.mark.kafka, pytest.mark.chaos_long, pytest.mark.timeout(300)]


@pytest.mark.fault(13)
@pytest.mark.parametrize("away_s", [5.0, 12.0, 60.0])
def test_who_is_cut_off_serves_nothing_old_and_comes_back(
    play: Play, figures: Figures, away_s: float
) -> None:
    """Another one takes over, if it takes long; nobody has to do anything."""
    with brokers.cut_off() as (own, far, way):
        scene = play(far, own.bootstrap)
        scene.start()
        cut, other = scene.nodes
        until(lambda: cut.url in other.owners().values(), "both have something")
        with scene.traffic() as traffic:
            traffic.until_acknowledged(100)
            way.cut()
            since_s = time.monotonic()
            if away_s * 1_000 > SESSION_TIMEOUT_MS:
                until(lambda: has_all(other), "the other one has all")
                assert _refuses_reads(cut, traffic.started[:50])
            traffic.until_acknowledged(50)
            time.sleep(max(0.0, since_s + away_s - time.monotonic()))
            way.heal()
            traffic.until_acknowledged(200)
            until(lambda: cut.call("GET", "/readyz").status_code == 200, "it is ready again")
        scene.finish(traffic, figures)


def _refuses_reads(node: Node, runs: list[str]) -> bool:
    """Each partition was its own or another's: in either case it can not tell of it now."""
    for number in range(PARTITIONS):
        run = next(one for one in runs if partition_of_run(one, PARTITIONS) == number)
        headers = {"Penstock-Forwarded-By": "http://somebody"}
        answer = node.http.get(f"/v1/wf-runs/{run}", headers=headers)
        assert answer.status_code in (421, 503), answer.text
    return True
