"""A worker over Kafka is killed: what it had is begun elsewhere within ten seconds. `make killed`
does it thirty times.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock import Client, Worker
from tests.promises import is_kept
from tests.sdk.kill_rounds import ELSEWHERE_S, SAID, UNSAID, Way, one_round, told
from tests.sdk.killed import SLOTS, kk_said, kk_unsaid
from tests.sdk.test_kafka_worker import Cluster, client, cluster

__all__ = ["client", "cluster"]
pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(UNSAID, id="it had not said that it has begun"),
        pytest.param(SAID, id="it had said so, and given signs of life"),
    ],
)
def test_what_a_killed_worker_had_is_begun_elsewhere(
    client: Client, cluster: Cluster, tmp_path: Path, way: Way
) -> None:
    client.register(way[0])

    def elsewhere_s() -> float:
        with Worker(kk_unsaid, kk_said, url=cluster.kafka_url, slots=SLOTS):
            took_s = one_round(client, cluster.kafka_url, tmp_path, way)
        print(told("begun elsewhere", 1, took_s))
        assert took_s, "some were begun by it alone, when it was killed"
        return took_s[-1]

    is_kept(ELSEWHERE_S, elsewhere_s)
