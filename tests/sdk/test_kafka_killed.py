"""A worker over Kafka is killed: what it had begun is begun elsewhere within ten seconds."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from penstock import Client, Worker, Workflow
from tests.promises import is_kept
from tests.sdk.killed import kk_briefly, kk_for_long, kk_said, kk_unsaid
from tests.sdk.test_kafka_worker import Cluster, client, cluster, wait_until

__all__ = ["client", "cluster"]
pytestmark = pytest.mark.timeout(240)

RUNS = 40
BEGUN = 10
ELSEWHERE_S = 10.0


@pytest.mark.parametrize(
    ("flow", "started_after_s"),
    [
        pytest.param(kk_briefly, 600.0, id="it had not said that it has begun"),
        pytest.param(kk_for_long, 0.1, id="it had said so, and given signs of life"),
    ],
)
def test_what_a_killed_worker_had_begun_is_begun_elsewhere(
    client: Client,
    cluster: Cluster,
    tmp_path: Path,
    flow: Workflow[[int], float],
    started_after_s: float,
) -> None:
    client.register(flow)

    def elsewhere_s() -> float:
        path = tmp_path / "begun"
        path.write_text("")
        words = [cluster.kafka_url, str(path), str(started_after_s)]
        return _last_is_begun_elsewhere_s(client, flow, path, words)

    is_kept(ELSEWHERE_S, elsewhere_s)


def _last_is_begun_elsewhere_s(
    client: Client, flow: Workflow[[int], float], path: Path, words: list[str]
) -> float:
    """From the kill on."""
    victim = subprocess.Popen([sys.executable, "-m", "tests.sdk.killed", *words])
    try:
        first = client.run(flow, number=-1)
        wait_until(lambda: "-1" in path.read_text().split(), 60)
        with Worker(kk_unsaid, kk_said, url=words[0], slots=RUNS):
            runs = {number: client.run(flow, number=number) for number in range(RUNS)}
            wait_until(lambda: len(path.read_text().split()) > BEGUN, 60)
            time.sleep(2.0)  # so that it has said of all that they have begun, if it does
            victim.kill()
            killed_s = time.time()
            begun = {int(number) for number in path.read_text().split()}
            took_s = sorted(
                run.result(timeout=90) - killed_s
                for number, run in (runs | {-1: first}).items()
                if number in begun
            )
    finally:
        victim.kill()
        victim.wait()
    # When the other one joined, some partitions became its own, with what had begun there.
    took_s = [one for one in took_s if one > 0]
    print(f"{len(took_s)} tasks, begun elsewhere after {took_s[0]:.1f} to {took_s[-1]:.1f} s")
    assert len(took_s) >= BEGUN / 2
    return took_s[-1]
