"""Several nodes on one Kafka: any of them answers for all. The tests that take nodes away come
last, in their order.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from penstock.core.ids import partition_of_run
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
from tests.nodes.load import Load
from tests.promises import is_kept

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, kafka_bootstrap: str) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("nodes")
    made = Cluster(folder, kafka_bootstrap, f"nodes-{time.time_ns() % 10**9}")
    try:
        made.start()
        define(made.idle())
        yield made
    finally:
        made.stop()


def define(node: Node) -> None:
    """Through a node that owns nothing, on all partitions of all nodes."""
    node.accepted("PUT", "/v1/task-defs?wait=all", {"name": "work"})
    node.accepted("PUT", "/v1/external-event-defs?wait=all", {"name": "go"})
    node.accepted("PUT", "/v1/wf-specs?wait=all", one_task("with-task", "work"))
    node.accepted("PUT", "/v1/wf-specs?wait=all", waiting_for_event("waits", "go"))


def run_on(node: Node, wf_spec: str, number: int, **fields: Any) -> dict[str, Any]:
    """A run on this partition; started through a node."""
    ids = (f"{wf_spec}-{time.monotonic_ns()}-{n}" for n in range(1_000))
    wf_run_id = next(one for one in ids if partition_of_run(one, PARTITIONS) == number)
    return node.accepted(
        "POST", "/v1/wf-runs", {"wf_spec": wf_spec, "wf_run_id": wf_run_id, **fields}
    )


def read(node: Node, run: dict[str, Any]) -> Any:
    """A run, as new as its answer."""
    path = f"/v1/wf-runs/{run['wf_run_id']}?at_least={run['position']}"
    return node.accepted("GET", path)


def all_pages(node: Node, path: str) -> list[Any]:
    """A list through a node, page by page."""
    items: list[Any] = []
    cursor = ""
    while True:
        page = node.accepted("GET", f"{path}{cursor}")
        assert "missing" not in page
        items += page["items"]
        if page["cursor"] is None:
            return items
        cursor = f"&cursor={page['cursor']}"


def test_nodes_share_the_partitions_and_one_has_none(cluster: Cluster) -> None:
    assert len(set(cluster.settled().values())) == PARTITIONS
    assert cluster.idle().call("GET", "/readyz").status_code == 200
    assert len(cluster.idle().accepted("GET", "/v1/cluster")["nodes"]) == len(cluster.nodes)


def test_a_write_through_one_node_is_read_through_any(cluster: Cluster) -> None:
    for writer in cluster.nodes:
        for number in range(PARTITIONS):
            run = run_on(writer, "with-task", number)
            assert run["position"].startswith(f"{number}:")
            for reader in cluster.nodes:
                assert read(reader, run)["status"] == "RUNNING"
    for node in cluster.nodes:
        assert node.accepted("GET", "/v1/wf-specs/with-task")["name"] == "with-task"
        assert node.call("GET", "/v1/wf-specs/nobody").status_code == 404
        assert node.call("GET", "/v1/wf-runs/nobody").json()["error"]["code"] == "WF_RUN_UNKNOWN"


def test_what_was_just_written_is_found_through_another_node_every_time(cluster: Cluster) -> None:
    """A thousand runs, each started through one node and asked for through another, by several
    clients at once; every second time at the position that its answer named.
    """
    count, clients = 1_000, 4

    def client(number: int) -> int:
        found = 0
        for turn in range(number, count, clients):
            writer, reader = cluster.nodes[turn % 3], cluster.nodes[(turn + 1 + turn // 3 % 2) % 3]
            run = writer.accepted("POST", "/v1/wf-runs", {"wf_spec": "waits"})
            path = f"/v1/wf-runs/{run['wf_run_id']}"
            shown = read(reader, run) if turn % 2 else reader.accepted("GET", path)
            found += shown["wf_run_id"] == run["wf_run_id"]
        return found

    with ThreadPoolExecutor(clients) as threads:
        assert sum(threads.map(client, range(clients))) == count


def test_a_command_id_counts_once_through_any_node(cluster: Cluster) -> None:
    body = {"wf_spec": "waits"}
    answers = [
        node.call("POST", "/v1/wf-runs", body, command_id="the-same") for node in cluster.nodes
    ]
    assert [one.status_code for one in answers] == [201, 200, 200]
    assert len({one.json()["wf_run_id"] for one in answers}) == 1


def test_lists_are_whole_through_any_node(cluster: Cluster) -> None:
    runs = {
        run_on(cluster.nodes[n % 3], "waits", n % PARTITIONS, labels={"of": "list"})["wf_run_id"]
        for n in range(8)
    }
    for node in cluster.nodes:
        found = [one["wf_run_id"] for one in all_pages(node, "/v1/wf-runs?limit=3")]
        assert runs <= set(found)
        assert len(found) == len(set(found))
        schedule = {"schedule_id": f"s{node.port}", "wf_spec": "waits", "cron": "0 0 1 1 *"}
        node.accepted("POST", "/v1/schedules", schedule)
    for node in cluster.nodes:
        schedules = all_pages(node, "/v1/schedules?limit=2")
        assert {one["schedule_id"] for one in schedules} == {
            f"s{one.port}" for one in cluster.nodes
        }


OF_TASKS = "view=kestra&wf_spec=with-task"  # other tests have started a thousand others


def test_task_runs_of_all_partitions_are_in_one_order(cluster: Cluster) -> None:
    runs = [run_on(cluster.nodes[0], "with-task", n % PARTITIONS)["wf_run_id"] for n in range(6)]
    for node in cluster.nodes:
        for limit in (2, 100):
            found = all_pages(node, f"/v1/task-runs?{OF_TASKS}&limit={limit}")
            wanted = [one["executionId"] for one in found if one["executionId"] in runs]
            assert wanted == runs[::-1]
        days = node.accepted("GET", f"/v1/task-runs/per-day?{OF_TASKS}")
        assert sum(sum(day["states"].values()) for day in days["items"]) == len(found)
        assert days["whole"]


def test_verbs_through_any_node(cluster: Cluster) -> None:
    for number in range(PARTITIONS):
        run = run_on(cluster.idle(), "waits", number)
        path = f"/v1/wf-runs/{run['wf_run_id']}"
        one, other, third = cluster.nodes
        one.accepted("POST", f"{path}/actions/stop")
        resumed = other.accepted("POST", f"{path}/actions/resume")
        assert read(third, run | resumed)["status"] == "RUNNING"
        event = {"wf_run_id": run["wf_run_id"], "event_def": "go", "content": 1}
        third.accepted("POST", "/v1/external-events", event)
        ended = one.accepted("GET", f"{path}?until=ended&wait_ms=10000")
        assert ended["status"] == "COMPLETED"


def test_tasks_of_all_partitions_through_any_node(cluster: Cluster) -> None:
    """Workers poll all nodes; each one's tasks are those of any partition."""
    cluster.nodes[0].accepted("PUT", "/v1/task-defs?wait=all", {"name": "polled"})
    cluster.nodes[0].accepted("PUT", "/v1/wf-specs?wait=all", one_task("polls", "polled"))
    done: list[str] = []
    count = 12
    with ThreadPoolExecutor(3) as threads:
        working = [threads.submit(_work, node, done, count) for node in cluster.nodes]
        runs = [run_on(cluster.idle(), "polls", n % PARTITIONS)["wf_run_id"] for n in range(count)]
        for one in working:
            one.result(60)
    assert sorted(done) == sorted(runs)


def _work(node: Node, done: list[str], count: int) -> None:
    deadline = time.monotonic() + 40
    while len(done) < count and time.monotonic() < deadline:
        body = {"worker": f"w{node.port}", "wait_ms": 1_000, "tasks_max": 2}
        for task in node.accepted("POST", "/v1/task-queues/polled/poll", body)["tasks"]:
            attempt = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
            own = attempt | {"worker": f"w{node.port}"}
            node.accepted("POST", "/v1/tasks/heartbeat", own)
            assert node.accepted("POST", "/v1/tasks/stops", {"attempts": [own]})["items"] == []
            node.accepted("POST", "/v1/tasks/report", attempt | {"status": "TASK_SUCCESS"})
            done.append(task["wf_run_id"])


def test_logs_are_followed_through_any_node(cluster: Cluster) -> None:
    """The stream comes from where the run is, piece by piece, and ends with the run."""
    cluster.nodes[0].accepted("PUT", "/v1/task-defs?wait=all", {"name": "talks"})
    cluster.nodes[0].accepted("PUT", "/v1/wf-specs?wait=all", one_task("talking", "talks"))
    for number in range(PARTITIONS):
        reader = cluster.idle()
        run = run_on(reader, "talking", number)
        told: list[str] = []
        follow = threading.Thread(target=_follow, args=(reader.url, run, told))
        follow.start()
        poll = {"worker": "w", "wait_ms": 10_000}
        [task] = reader.accepted("POST", "/v1/task-queues/talks/poll", poll)["tasks"]
        attempt = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
        reader.accepted(
            "POST", "/v1/tasks/heartbeat", attempt | {"worker": "w", "logs": "INFO one"}
        )
        deadline = time.monotonic() + 20
        while told != ["one"] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert told == ["one"]
        reader.accepted("POST", "/v1/tasks/report", attempt | {"status": "TASK_SUCCESS"})
        follow.join(20)
        assert told == ["one", "end"]


def _follow(url: str, run: dict[str, Any], told: list[str]) -> None:
    path = f"{url}/v1/wf-runs/{run['wf_run_id']}/logs/follow?at_least={run['position']}"
    with httpx.stream("GET", path, timeout=30) as stream:
        event = ""
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                told.append("end" if event == "end" else json.loads(value)["message"])


def test_a_forwarded_request_is_not_forwarded_again(cluster: Cluster) -> None:
    """Who is not the owner says so."""
    run = run_on(cluster.idle(), "waits", 0)
    answer = cluster.idle().http.get(
        f"/v1/wf-runs/{run['wf_run_id']}", headers={"Penstock-Forwarded-By": "http://somebody"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "NOT_OWNER")
    assert answer.headers["Retry-After"]


@pytest.mark.fault(49)
@pytest.mark.drill("an upgrade")
def test_a_clean_stop_hands_over_at_once(cluster: Cluster) -> None:
    """Under load nobody is refused, and nothing is done twice or lost."""

    def gap_s() -> float:
        cluster.all_run()
        idle, owner = cluster.idle(), cluster.owner(1)
        with Load(idle.url, "waits") as load:
            load.goes_on()
            stopped_s = time.monotonic()
            owner.terminate()
            assert owner.ended(20) == 0
            cluster.settled()
            load.goes_on()
        assert load.refused == []
        _check_each_is_there_once(cluster, load)
        return load.gap_s(stopped_s)

    is_kept(CLEAN_GAP_S, gap_s)


@pytest.mark.fault(44)
@pytest.mark.drill("a node is lost")
def test_a_killed_node_is_replaced_within_the_session_timeout(cluster: Cluster) -> None:
    cluster.all_run()
    idle, owner = cluster.idle(), cluster.owner(0)
    with Load(idle.url, "waits") as load:
        load.goes_on()
        killed_s = time.monotonic()
        owner.kill()
        time.sleep(0.5)
        cluster.settled()
        load.goes_on()
    assert load.gap_s(killed_s) < SESSION_TIMEOUT_S + TAKE_OVER_S
    assert load.slowest_s < SESSION_TIMEOUT_S + TAKE_OVER_S
    _check_each_is_there_once(cluster, load)


@pytest.mark.fault(8, 45)
def test_who_was_away_for_long_serves_nothing_old(cluster: Cluster) -> None:
    """A node that stood still, and has lost its partitions meanwhile, says so."""
    owner = cluster.owner(0)
    other = next(node for node in cluster.nodes if node.is_running() and node is not owner)
    run = run_on(other, "waits", 0)
    path = f"/v1/wf-runs/{run['wf_run_id']}"
    owner.signal(signal.SIGSTOP)
    try:
        deadline = time.monotonic() + SETTLE_S
        while other.owners()[0] in (None, owner.url):
            assert time.monotonic() < deadline, "another one takes over"
            time.sleep(0.1)
        other.accepted("POST", f"{path}/actions/stop")
    finally:
        owner.signal(signal.SIGCONT)
    answer = owner.http.get(path, headers={"Penstock-Forwarded-By": "http://somebody"})
    said = answer.json()
    code = said["error"]["code"] if answer.status_code >= 400 else said["status"]
    assert code in ("STALE_OWNER", "NOT_OWNER", "RESTORING", "HALTED")
    deadline = time.monotonic() + SETTLE_S
    while (answer := owner.call("GET", path)).status_code == 503:  # it says to try again
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    assert answer.json()["status"] == "HALTED"


def _check_each_is_there_once(cluster: Cluster, load: Load) -> None:
    assert len(set(load.started)) == len(load.started)
    node = next(node for node in cluster.nodes if node.is_running())
    found = [one["wf_run_id"] for one in all_pages(node, "/v1/wf-runs?limit=500")]
    assert len(found) == len(set(found))
    assert set(load.started) <= set(found)
