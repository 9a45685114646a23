"""Two nodes with a fixed assignment: each has what it was told, and reaches the other."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from penstock.contracts.topics import Topics
from penstock.core.ids import partition_of_run
from penstock.log.kafka import KafkaConsumer
from tests.gateway.served import wait_until, waiting_for_event
from tests.nodes.cluster import PARTITIONS, Node

SESSION_MS = 1_000

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def nodes(tmp_path: Path, kafka_bootstrap: str, cluster_name: str) -> Iterator[list[Node]]:
    made: list[Node] = []
    for number in range(2):
        data = tmp_path / f"node-{number}" / "data"
        data.parent.mkdir()
        made.append(Node(data, kafka_bootstrap, cluster_name, ("--own", str(number))))
    for node, other, number in ((made[0], made[1], 1), (made[1], made[0], 0)):
        node.more(("--peer", f"{number}={other.url}"))
    try:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda node: node.start(), made))
        yield made
    finally:
        for node in made:
            node.stop()


def test_each_owns_what_it_was_told_and_answers_for_both(nodes: list[Node]) -> None:
    for node in nodes:
        assert node.owners() == {0: nodes[0].url, 1: nodes[1].url}
    nodes[1].accepted("PUT", "/v1/external-event-defs?wait=all", {"name": "go"})
    nodes[1].accepted("PUT", "/v1/wf-specs?wait=all", waiting_for_event("waits", "go"))
    for node in nodes:
        for _ in range(4):
            run = node.accepted("POST", "/v1/wf-runs", {"wf_spec": "waits"})
            number = partition_of_run(run["wf_run_id"], 2)
            assert run["position"].startswith(f"{number}:")
    lists = [node.accepted("GET", "/v1/wf-runs")["items"] for node in nodes]
    assert len(lists[0]) == 8
    assert lists[0] == lists[1]
    nodes[1].stop()
    answer = nodes[0].call("GET", f"/v1/wf-runs/{run_of(lists[0], 1)}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNREACHED")
    assert nodes[0].accepted("GET", f"/v1/wf-runs/{run_of(lists[0], 0)}")["status"] == "RUNNING"


def test_it_stands_still_for_longer_than_a_session_beside_members_and_goes_on(
    tmp_path: Path, kafka_bootstrap: str, cluster_name: str
) -> None:
    """Nobody else can have what is its own: it need not prove that, which Kafka would refuse."""
    own = ("--own", "0-1", "--session-timeout-ms", str(SESSION_MS))
    node = Node(tmp_path / "data", kafka_bootstrap, cluster_name, own)
    topics = Topics(cluster_name, PARTITIONS)
    try:
        node.start()
        node.accepted("PUT", "/v1/external-event-defs?wait=all", {"name": "go"})
        node.accepted("PUT", "/v1/wf-specs?wait=all", waiting_for_event("waits", "go"))
        with closing(
            KafkaConsumer(kafka_bootstrap, topics.commands, f"{cluster_name}.engine")
        ) as member:
            wait_until(lambda: member.attend() == PARTITIONS)
            run = node.accepted("POST", "/v1/wf-runs", {"wf_spec": "waits"})["wf_run_id"]
            wait_until(lambda: "the group has members" in node.printed())
            stand_still(node, 2 * SESSION_MS / 1_000)
            assert node.accepted("GET", f"/v1/wf-runs/{run}")["status"] == "RUNNING"
            event = {"wf_run_id": run, "event_def": "go"}
            node.accepted("POST", "/v1/external-events", event)
            node.accepted("GET", f"/v1/wf-runs/{run}?until=ended&wait_ms=10000")
            assert node.call("GET", "/readyz").status_code == 200
            assert member.attend() == PARTITIONS, "it was beside them all the time"
    finally:
        node.stop()


def stand_still(node: Node, for_s: float) -> None:
    """SIGSTOP to our own process, and SIGCONT after so long."""
    assert node.pid is not None
    node.signal(signal.SIGSTOP)
    try:
        os.waitid(os.P_PID, node.pid, os.WSTOPPED | os.WNOWAIT)
        time.sleep(for_s)
    finally:
        node.signal(signal.SIGCONT)


def run_of(runs: list[dict[str, str]], number: int) -> str:
    """One of them that is on this partition."""
    ids = (run["wf_run_id"] for run in runs)
    return next(one for one in ids if partition_of_run(one, 2) == number)
