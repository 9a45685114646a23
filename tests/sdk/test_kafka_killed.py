"""A worker over Kafka is killed: what it had is begun elsewhere within ten seconds. `make killed`
does it thirty times.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock import Client, Worker
from tests.promises import is_kept
from tests.sdk.kill_rounds import ELSEWHERE_S, SAID, UNSAID, Way, a_victim, one_round, told
from tests.sdk.killed import SLOTS, kk_handed_over, kk_in_two_hands, kk_said, kk_unsaid
from tests.sdk.test_kafka_worker import Cluster, client, cluster, wait_until

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


def test_what_runs_while_its_partition_goes_is_said_to_have_begun(
    client: Client, cluster: Cluster, tmp_path: Path
) -> None:
    """However briefly it has run: else the other would begin it, too. When its worker is killed
    after that, it is begun elsewhere when its time is over; what has stayed with him, at once.
    """
    client.register(kk_in_two_hands)
    with a_victim(cluster.kafka_url, tmp_path, 600.0) as victim:
        runs = [client.run(kk_in_two_hands, number=number) for number in range(SLOTS // 2)]
        wait_until(lambda: victim.begun() == len(runs), 60)
        with Worker(kk_handed_over, url=cluster.kafka_url, slots=SLOTS):

            def some_said_so() -> bool:
                return any(run.task_runs()[0].status == "TASK_RUNNING" for run in runs)

            wait_until(some_said_so, 60)
            victim.kill()
            for run in runs:
                run.result(timeout=90)
            attempts = {run.id: run.task_runs()[0].attempts for run in runs}
    late = [wf_run_id for wf_run_id, made in attempts.items() if len(made) == 2]
    assert late
    assert all(attempts[one][0].status == "TASK_TIMEOUT" for one in late)
    assert len(late) < len(runs)
