"""Who follows through one node is told of every partition, wherever it is, and whoever has it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.gateway.load import Limits
from tests.gateway.served import shape_of_error, wait_until, waiting_for_event
from tests.gateway.stopping import STOPPED, stop_a_partition
from tests.gateway.test_missing_partitions import OTHERS, register
from tests.gateway.test_missing_partitions import run_on as start_on
from tests.gateway.test_streams import told
from tests.nodes.cluster import PARTITIONS, SETTLE_S, Cluster, Node
from tests.nodes.pair import pair
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
    """The partitions that an event tells of; one that only says which are not to be had just now,
    since they are on their way from one node to another, tells of none.
    """
    return {int(position.partition(":")[0]) for position in data.get("positions", ())}


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
                while (news := next(events))[0] != "run":
                    assert news[0] == "missing", news
                assert news[1]["wf_run_id"] == wanted


def test_a_follower_is_told_on_when_a_partition_changes_hands(cluster: Cluster) -> None:
    """It is missing, and the other one is told of meanwhile; then its new owner begins anew: what
    happened in between is found by a search. The same stream goes on.
    """
    gone, asked = cluster.owner(1), cluster.owner(0)
    with following(asked, RUNS) as events:
        begun(events)
        gone.kill()
        missing = awaited(events, "missing", lambda data: data["partitions"])["partitions"]
        assert [one["partition"] for one in missing] == [1] and missing[0]["message"]
        wanted = run_on(asked, "waits", 0)["wf_run_id"]
        awaited(events, "run", lambda data: data["wf_run_id"] == wanted)
        begins = awaited(events, "begin", lambda data: 1 in numbers_in(data))
        assert begins
        wanted = run_on(asked, "waits", 1)["wf_run_id"]
        awaited(events, "run", lambda data: data["wf_run_id"] == wanted)


def awaited(events: Iterator[tuple[str, Any]], name: str, holds: Callable[[Any], object]) -> Any:
    """The next event of that name for which it holds; none that ends the stream comes before."""
    for what, data in events:
        assert what != "error", data
        if what == name and holds(data):
            return data
    raise AssertionError(f"the stream has ended without {name}")


def test_a_partition_that_is_stopped_elsewhere_takes_nothing_from_the_others(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    """The node that has it tells of the other one that it has."""
    with pair(tmp_path, kafka_bootstrap, f"stopped-{secrets.token_hex(5)}") as (first, second):
        register(second)
        stop_a_partition(first)
        for node in (first, second):
            with node.http.stream("GET", "/v1/changes/wf-runs/follow") as stream:
                events = told(stream.iter_lines())
                seen: set[int] = set()
                missing: list[Any] = []
                while len(seen) < len(OTHERS) or not missing:
                    name, data = next(events)
                    assert name in ("begin", "missing"), data
                    if name == "begin":
                        seen |= numbers_in(data)
                    else:
                        missing = data["partitions"]
                awaited_missing = [(one["partition"], one["code"]) for one in missing]
                assert awaited_missing == [(STOPPED, "INTEGRITY")]
                for number in OTHERS:
                    wanted = start_on(node, number)
                    awaited(events, "run", lambda data, of=wanted: data["wf_run_id"] == of)


def test_streams_through_another_node_count_at_both(tmp_path: Path, kafka_bootstrap: str) -> None:
    """A bound that holds at one of them holds for who asks the other."""
    limits = Limits(streams_max=1)
    name = f"counted-{secrets.token_hex(5)}"
    with pair(tmp_path, kafka_bootstrap, name, limits) as (first, second):
        register(second)
        wf_run_id = start_on(second, STOPPED)
        counted = [one.made.app.state.gateway.streams.of_tenants for one in (first, second)]
        with second.http.stream("GET", f"/v1/wf-runs/{wf_run_id}/follow") as stream:
            events = told(stream.iter_lines())
            assert next(events)[0] == "changed"
            assert [one.total() for one in counted] == [1, 1]
            for node in (first, second):
                with node.http.stream("GET", f"/v1/wf-runs/{wf_run_id}/follow") as more:
                    assert more.status_code == 429
                    more.read()
                refused = shape_of_error(more)
                assert refused[:2] == (429, "TOO_MANY_STREAMS")
        wait_until(lambda: not any(counted))
        with first.http.stream("GET", "/v1/changes/follow") as alone:
            assert alone.status_code == 200
            wait_until(lambda: [one.total() for one in counted] == [1, 1])
        wait_until(lambda: not any(counted))
