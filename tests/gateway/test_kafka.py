"""The same gateway on real Kafka: runs, tasks over HTTP, and `penstock verify` live and stopped."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.served import one_task
from tests.sdk.servers import running_server

RUNS = 20


def verify(data: Path, *words: str) -> list[str]:
    command = [sys.executable, "-m", "penstock.cli", "verify", "--data", str(data), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.timeout(120)
def test_a_server_on_kafka_does_the_same(
    tmp_path: Path, kafka_bootstrap: str, cluster_name: str
) -> None:
    data = tmp_path / "data"
    kafka = ("--kafka", kafka_bootstrap)
    with running_server(
        data, "server", *kafka, "--cluster", cluster_name, "--partitions", "2"
    ) as url:
        with httpx.Client(base_url=url, timeout=30) as http:
            runs_with_tasks(http)
            partitions = http.get("/v1/cluster").json()["partitions"]
            assert [one["status"] for one in partitions] == ["RUNNING"] * 2
            assert http.get("/readyz").status_code == 200
        assert all(line.endswith(", equal") for line in verify(data, *kafka))
    assert len(verify(data, *kafka)) == 2


def runs_with_tasks(http: httpx.Client) -> None:
    """Start runs, fail each one's first attempt, and see them all end."""

    def good(method: str, path: str, body: Any = None) -> Any:
        response = http.request(method, path, json=body)
        assert response.status_code < 300, response.text
        return response.json()

    good("PUT", "/v1/task-defs", {"name": "work.on_kafka"})
    good("PUT", "/v1/wf-specs", one_task("spec", "work.on_kafka", max_attempts=2))
    started = [good("POST", "/v1/wf-runs", {"wf_spec": "spec"})["wf_run_id"] for _ in range(RUNS)]
    reported = 0
    while reported < 2 * RUNS:
        poll = {"worker": "w", "tasks_max": 10, "wait_ms": 20_000}
        tasks = good("POST", "/v1/task-queues/work.on_kafka/poll", poll)["tasks"]
        assert tasks, "there is one"
        for task in tasks:
            body = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
            body["status"] = "TASK_FAILED" if task["attempt"] == 1 else "TASK_SUCCESS"
            good("POST", "/v1/tasks/report", body)
        reported += len(tasks)
    for wf_run_id in started:
        run = good("GET", f"/v1/wf-runs/{wf_run_id}?until=ended&wait_ms=20000")
        assert run["status"] == "COMPLETED"
