"""/metrics of a real server, read with the library's own parser."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from penstock.contracts.topics import Topics, task_group
from penstock.log.kafka import KafkaConsumer
from tests.controls import chain, output_of, task
from tests.crash.server import Server
from tests.operations.works import register, scraped, until, work_one

RUNS = 5


@pytest.mark.timeout(120)
def test_what_was_done_is_counted(server: Server) -> None:
    server.start()
    register(server)
    for number in range(RUNS):
        server.accepted("POST", "/v1/wf-runs", {"wf_spec": "work"}, f"start-{number}")
    server.accepted("POST", "/v1/wf-runs", {"wf_spec": "work"}, "start-0")  # a repeat
    assert server.call("POST", "/v1/wf-runs/none/actions/stop").status_code == 404
    work_one(server)
    found = scraped(server.http)
    assert found.value("commands_total", command="RunWf", outcome="accepted") == RUNS
    assert found.value("commands_total", command="RunWf", outcome="repeated") == 1
    assert found.value("commands_total", command="StopWfRun", outcome="WF_RUN_UNKNOWN") == 1
    assert found.value("commands_total", command="ReportTask", outcome="accepted") == 1
    turns = found.value("turn_seconds_count")
    assert turns == found.total("commands_total") == found.value("batch_records_sum")
    assert found.value("turn_seconds_sum") <= found.value("batch_seconds_sum", phase="fold") + 1e-6
    requests = {"method": "POST", "route": "/v1/wf-runs"}
    assert found.value("http_requests_total", **requests, status="201") == RUNS
    assert found.value("http_requests_total", **requests, status="200") == 1
    assert found.value("http_request_seconds_count", **requests) == RUNS + 1
    assert found.value("room") == 1
    assert found.value("draining") == 0
    assert found.kinds["penstock_turn_seconds"] == "histogram"
    rss = found.series["process_resident_memory_bytes", frozenset()]
    assert 10_000_000 < rss < 4_000_000_000
    assert found.series["process_cpu_seconds_total", frozenset()] > 0


@pytest.mark.timeout(120)
def test_lag_and_queues_are_sampled_and_names_are_for_who_asks_for_them(server: Server) -> None:
    server.start(None, "--metrics-names")
    register(server)
    for _ in range(RUNS):
        server.accepted("POST", "/v1/wf-runs", {"wf_spec": "work"})

    def sampled() -> bool:
        found = scraped(server.http)
        labels = frozenset({("tenant", "default"), ("task_def", "work")})
        return found.series.get(("penstock_task_queue_records", labels)) == RUNS

    until(sampled)
    found = scraped(server.http)
    assert found.value("task_queues_records") == RUNS
    assert 0 < found.value("task_queues_oldest_seconds") < 60
    until(lambda: scraped(server.http).total("partition_lag_records") == 0)
    assert {found.value("partition_next_offset", partition=number) > 0 for number in "01"} == {True}
    assert found.total("store_bytes") > 0


@pytest.mark.timeout(120)
def test_workers_that_poll_are_counted_by_name(server: Server) -> None:
    """Each once for each of its TaskDefs, also while it waits; who leaves is known for a minute."""
    server.start(None, "--metrics-names")
    register(server)
    server.accepted("PUT", "/v1/task-defs?wait=all", {"name": "other"})
    assert scraped(server.http).value("task_workers", via="http") == 0
    for worker, name in (("a", "work"), ("a", "work"), ("b", "work"), ("a", "other")):
        server.accepted("POST", f"/v1/task-queues/{name}/poll", {"worker": worker})
    found = scraped(server.http)
    assert found.value("task_workers", via="http") == 3
    of_http = {"tenant": "default", "via": "http"}
    assert found.value("task_queue_workers", **of_http, task_def="work") == 2
    assert found.value("task_queue_workers", **of_http, task_def="other") == 1
    assert found.value("task_workers", via="kafka") == 0, "gateways are no workers"
    poll = {"worker": "waits", "wait_ms": 20_000}
    path = f"{server.http.base_url}/v1/task-queues/work/poll"
    with ThreadPoolExecutor(1) as threads:
        waits = threads.submit(httpx.post, path, json=poll, timeout=30)
        until(lambda: scraped(server.http).value("task_workers", via="http") == 4)
        server.accepted("POST", "/v1/wf-runs", {"wf_spec": "work"})
        assert len(waits.result().json()["tasks"]) == 1


@pytest.mark.kafka
@pytest.mark.timeout(180)
def test_members_of_workers_groups_are_counted(
    kafka_bootstrap: str, cluster_name: str, tmp_path: Path
) -> None:
    """But for the gateway, which is one when somebody polls."""
    server = Server(tmp_path / "data", kafka_bootstrap, cluster_name)
    server.start(None, "--metrics-names")
    try:
        register(server)
        topics = Topics(cluster_name, 2)
        group = task_group(topics, "default", "work")
        name = ("penstock_task_queue_workers", _of("work"))
        server.accepted("POST", "/v1/wf-runs", {"wf_spec": "work"})
        work_one(server)  # the gateway stays a member for a while
        worker = KafkaConsumer(kafka_bootstrap, topics.task("default", "work"), group)
        try:
            until(lambda: worker.poll(1, 0.1) == [] and scraped(server.http).series.get(name) == 1)
            assert scraped(server.http).value("task_workers", via="kafka") == 1
            found = server.accepted("GET", "/v1/task-queues/work/workers")["items"]
            [reads] = [one for one in found if one["via"] == "kafka"]
            assert reads["worker"] and reads["host"] and reads["polled_at"] is None
            assert reads["partitions"] > 0
        finally:
            worker.close()
        until(lambda: scraped(server.http).series.get(name) == 0)
    finally:
        server.stop()


def _of(task_def: str) -> frozenset[tuple[str, str]]:
    return frozenset({("tenant", "default"), ("task_def", task_def), ("via", "kafka")})


def test_no_label_is_a_clients_choice(server: Server) -> None:
    server.start()
    server.call("GET", "/v1/nothing/hidden-name")
    server.call("BREW", "/hidden-name")
    server.http.get("/v1/task-defs", headers={"Penstock-Tenant": "hidden-name"})
    server.accepted("PUT", "/v1/task-defs", {"name": "hidden-name"})
    found = scraped(server.http)
    assert not [label for label in found.labels() if "hidden-name" in label or label == "BREW"]
    assert found.value("http_requests_total", method="GET", route="none", status="404") == 1


@pytest.mark.timeout(120)
def test_timers_that_fire_are_counted_by_kind(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.start()
    try:
        spec = chain(task("late", timeout_ms=200), returns=output_of("n1"))
        server.accepted("PUT", "/v1/task-defs?wait=all", {"name": "late"})
        server.accepted("PUT", "/v1/wf-specs?wait=all", {"name": "late", "spec": spec})
        server.accepted("POST", "/v1/wf-runs", {"wf_spec": "late"})
        poll = {"worker": "w", "tasks_max": 1, "wait_ms": 20_000}
        assert server.accepted("POST", "/v1/task-queues/late/poll", poll)["tasks"]
        name = ("penstock_timer_lateness_seconds_count", frozenset({("kind", "TASK_TIMEOUT")}))
        until(lambda: scraped(server.http).series.get(name) == 1)
    finally:
        server.stop()


@pytest.mark.timeout(120)
def test_the_age_of_the_newest_snapshot_is_shown(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.start(None, "--snapshots", str(tmp_path / "snapshots"), "--snapshot-every", "1s")
    try:
        register(server)
        name = ("penstock_snapshot_age_seconds", frozenset({("partition", "0")}))
        until(lambda: name in scraped(server.http).series)
        assert 0 <= scraped(server.http).series[name] < 60
    finally:
        server.stop()


@pytest.mark.timeout(120)
def test_snapshots_that_never_come_about_are_told(server: Server, tmp_path: Path) -> None:
    """No age says so, since there was none yet."""
    place = tmp_path / "snapshots"
    server.start(None, "--snapshots", str(place), "--snapshot-every", "1s")
    assert scraped(server.http).value("snapshot_failures_total") == 0
    place.touch()  # a file can not hold any
    register(server)
    until(lambda: scraped(server.http).value("snapshot_failures_total") > 0)
    assert scraped(server.http).total("snapshot_age_seconds") == 0
    found = server.http.get("/v1/doctor").json()["items"]
    told = [one for one in found if one["check"] == "SNAPSHOT"]
    assert told and all(one["wrong"] and str(place) in one["what"] for one in told)
