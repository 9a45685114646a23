"""Who follows through one node is told of every partition, wherever it is, and whoever has it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.gateway.served import waiting_for_event
from tests.gateway.test_streams import told
from tests.nodes.cluster import PARTITIONS, SETTLE_S, Cluster, Node
from tests.nodes.test_nodes import run_on

pytestmark = pytest.mark.timeout(300)

RUNS = "/v1/changes/wf-runs/follow?wf_spec=waits"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, kafka_bootstrap: str) -> Iterator[Cluster]:
    made = Cluster(
        tmp_path_factory.mktemp("follow"), kafka_bootstrap, f"follow-{time.time_ns() % 10**9}"
    )
    try:
        made.start()
        node = made.idle()
        node.accepted("PUT", "/v1/external-event-defs?wait=all", {"name": "go"})
        node.accepted("PUT", "/v1/wf-specs?wait=all", waiting_for_event("waits", "go"))
        yield made
    finally:
        made.stop()


@contextmanager
def following(node: Node, path: str) -> Iterator[Iterator[tuple[str, Any]]]:
    """The events of a stream through a node."""
    timeout = httpx.Timeout(10, read=SETTLE_S)
    with httpx.stream("GET", node.url + path, timeout=timeout) as stream:
        assert stream.status_code == 200, stream.read()
        yield told(stream.iter_lines())


def numbers_in(data: Any) -> set[int]:
    """The partitions that an event tells of."""
    return {int(position.partition(":")[0]) for position in data["positions"]}


def test_changes_of_all_partitions_are_told_through_any_node(cluster: Cluster) -> None:
    for node in cluster.nodes:
        with following(node, "/v1/changes/follow") as events:
            first: set[int] = set()
            while len(first) < PARTITIONS:
                first |= numbers_in(next(events)[1])
            for number in range(PARTITIONS):
                run_on(node, "waits", number)
                while number not in numbers_in(next(events)[1]):
                    pass


def begun(events: Iterator[tuple[str, Any]]) -> None:
    """Wait until all partitions are followed."""
    numbers: set[int] = set()
    while len(numbers) < PARTITIONS:
        name, data = next(events)
        if name == "begin":
            numbers |= numbers_in(data)


def test_a_search_is_followed_through_any_node(cluster: Cluster) -> None:
    for node in cluster.nodes:
        with following(node, RUNS) as events:
            begun(events)
            for number in range(PARTITIONS):
                wanted = run_on(node, "waits", number)["wf_run_id"]
                name, run = next(events)
                assert (name, run["wf_run_id"]) == ("run", wanted)


def test_a_follower_is_told_on_when_a_partition_changes_hands(cluster: Cluster) -> None:
    """Of what its new owner does, behind a new beginning: what happened in between is found by a
    search then. The same stream goes on.
    """
    gone, asked = cluster.owner(1), cluster.owner(0)
    with following(asked, RUNS) as events:
        begun(events)
        gone.terminate()
        while True:
            name, data = next(events)
            if name == "begin" and 1 in numbers_in(data):
                break
        wanted = run_on(asked, "waits", 1)["wf_run_id"]
        told_of: set[str] = set()
        while wanted not in told_of:
            name, data = next(events)
            assert name in ("run", "begin"), (name, data)
            told_of.add(data.get("wf_run_id", ""))
