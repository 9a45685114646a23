"""Standbys on one Kafka: R15 with real processes; catalogue row 49. The tests that take
nodes away come last, in their order.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.served import one_task, waiting_for_event
from tests.nodes.cluster import (
    CLEAN_GAP_S,
    PARTITIONS,
    SESSION_TIMEOUT_S,
    SETTLE_S,
    TAKE_OVER_S,
    Cluster,
    Node,
)
from tests.nodes.test_nodes import run_on
from tests.promises import is_kept

LAG = "Penstock-Standby-Lag"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, kafka_bootstrap: str) -> Iterator[Cluster]:
    """Three nodes and two partitions: one node owns nothing."""
    name = f"standbys-{time.time_ns() % 10**9}"
    folder = tmp_path_factory.mktemp("standbys")
    made = Cluster(folder, kafka_bootstrap, name, "--standbys", "1")
    try:
        made.start()
        node = made.nodes[0]
        node.accepted("PUT", "/v1/task-defs?wait=all", {"name": "work"})
        node.accepted("PUT", "/v1/external-event-defs?wait=all", {"name": "go"})
        node.accepted("PUT", "/v1/wf-specs?wait=all", one_task("with-task", "work"))
        node.accepted("PUT", "/v1/wf-specs?wait=all", waiting_for_event("waits", "go"))
        yield made
    finally:
        made.stop()


def standing_by(node: Node) -> dict[int, Any]:
    """What a node folds beside its owners, and how far it has come."""
    shown = node.accepted("GET", "/v1/cluster")["standing_by"]
    return {one["partition"]: one["next_offset"] for one in shown if one["status"] == "RUNNING"}


def caught_up(cluster: Cluster, node: Node) -> None:
    """Wait until a node has all that the owners have, of all that it does not own."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        owned = [number for number, url in cluster.settled().items() if url == node.url]
        shown = node.accepted("GET", "/v1/cluster")["partitions"]
        wanted = {
            one["partition"]: one["next_offset"] for one in shown if one["partition"] not in owned
        }
        if standing_by(node) == wanted:
            return
        assert time.monotonic() < deadline, (standing_by(node), wanted, node.printed())
        time.sleep(0.1)


def get(node: Node, run: dict[str, Any], query: str) -> Any:
    """The answer of a read that is not forwarded."""
    return node.call("GET", f"/v1/wf-runs/{run['wf_run_id']}{query}")


def test_who_has_least_stands_by_for_all(cluster: Cluster) -> None:
    idle = cluster.idle()
    caught_up(cluster, idle)
    shown = cluster.nodes[0].accepted("GET", "/v1/cluster")["partitions"]
    assert [one["standbys"] for one in shown] == [[idle.url]] * PARTITIONS
    deadline = time.monotonic() + SETTLE_S  # who was to stand by while they settled lets go later
    while any(standing_by(node) for node in cluster.nodes if node is not idle):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert set(standing_by(idle)) == set(range(PARTITIONS))
    assert "penstock_standby_lag_records" in idle.call("GET", "/metrics").text


def test_a_standby_is_read_on_request_only(cluster: Cluster) -> None:
    """Marked with where it stands; the owner that is asked answers itself."""
    idle = cluster.idle()
    for number in range(PARTITIONS):
        run = run_on(cluster.nodes[number], "waits", number)
        token = f"at_least={run['position']}"
        for node in cluster.nodes:
            answer = get(node, run, f"?{token}&read_from=standby")
            assert answer.status_code == 200, answer.text
            owner = cluster.settled()[number] == node.url
            assert (LAG in answer.headers) == (not owner)
            assert answer.headers["Penstock-Position"].startswith(f"{number}:")
            assert LAG not in get(node, run, f"?{token}").headers
        parts = get(idle, run, f"/node-runs?{token}&read_from=standby")
        assert int(parts.headers[LAG]) >= 0
        assert parts.json()["items"]
    assert get(idle, run, "?read_from=owner").json()["error"]["code"] == "BAD_REQUEST"


@pytest.mark.drill("a node is lost")
def test_a_lost_owner_is_replaced_by_its_standby_which_is_read_meanwhile(cluster: Cluster) -> None:
    idle, owner = cluster.idle(), cluster.owner(0)
    run = run_on(idle, "waits", 0)
    caught_up(cluster, idle)
    owner.kill()
    began_s = time.monotonic()
    answer = get(idle, run, f"?at_least={run['position']}&read_from=standby")
    assert (answer.status_code, LAG in answer.headers) == (200, True)
    assert time.monotonic() - began_s < SESSION_TIMEOUT_S / 2, "nobody else is waited for"
    other = next(node for node in cluster.nodes if node.is_running() and node is not idle)
    assert LAG in get(other, run, "?read_from=standby").headers
    run_on(other, "waits", 0)
    assert time.monotonic() - began_s < SESSION_TIMEOUT_S + TAKE_OVER_S
    assert cluster.settled()[0] == idle.url
    assert get(idle, run, "").json()["status"] == "RUNNING"


@pytest.mark.fault(49)
def test_a_clean_stop_is_taken_over_warm(cluster: Cluster) -> None:
    """The standby has it already: the store is the one that it folded."""

    def taken_over_s() -> float:
        cluster.all_run()
        idle, owner = cluster.idle(), cluster.owner(1)
        caught_up(cluster, idle)
        run = run_on(idle, "waits", 1)
        owner.terminate()
        began_s = time.monotonic()
        assert owner.ended(20) == 0
        run_on(idle, "waits", 1)
        took_s = time.monotonic() - began_s
        assert cluster.settled()[1] == idle.url
        assert get(idle, run, "").json()["status"] == "RUNNING"
        return took_s

    is_kept(CLEAN_GAP_S, taken_over_s)
