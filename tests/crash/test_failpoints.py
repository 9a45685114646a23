"""I3 on the embedded log: kill -9 of the server at each place of a batch, then restart. Every
acknowledged command has exactly one effect, and the stores are what a fold of the log from offset 0
gives. On Kafka and under load: tests/chaos/test_failpoints.py.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.state.outputs import ScheduledTask, WfRunChanged
from penstock.log.embedded import EmbeddedLog
from penstock.log.port import Record
from penstock.processor.failpoints import IN_BATCH
from tests.controls import chain, output_of, task
from tests.crash.server import LOST, Server

RUNS = 30
KILL_AT_BATCH = 14
SIGKILL = -9
FINISH_S = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data")
    yield made
    made.stop()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("failpoint", IN_BATCH)
@pytest.mark.fault(1, 2, 3, 4, 5)
def test_a_kill_loses_nothing_and_does_nothing_twice(server: Server, failpoint: str) -> None:
    """Starts are under way from several threads while the server is killed."""
    server.start(f"{failpoint}=kill@{KILL_AT_BATCH}")
    acknowledged = _start_runs_until_it_dies(server)
    assert server.ended(20) == SIGKILL
    assert len(acknowledged) < RUNS, "the kill came while commands were under way"
    server.start()
    for number in range(RUNS):  # a client tries again, with the same command id
        answer = server.accepted("POST", "/v1/wf-runs", _start(number), f"start-{number}")
        assert answer["wf_run_id"] == f"run-{number}"
        assert answer["repeated"] or number not in acknowledged
    _work_until_all_have_ended(server)
    for number in range(RUNS):
        [task_run] = server.accepted("GET", f"/v1/wf-runs/run-{number}/task-runs")["items"]
        assert task_run["status"] == "TASK_SUCCESS"
    live = server.verify()
    assert live.returncode == 0, live.stdout + live.stderr
    server.stop()
    stopped = server.verify()
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    _check_stamps(server)


def _start(number: int) -> dict[str, Any]:
    return {"wf_spec": "work", "wf_run_id": f"run-{number}"}


def _start_runs_until_it_dies(server: Server) -> set[int]:
    """Register, then start runs from four threads; which starts were acknowledged."""
    acknowledged: set[int] = set()
    lock = threading.Lock()
    spec = chain(task("work", timeout_ms=500, max_attempts=50), returns=output_of("n1"))
    try:
        server.accepted("PUT", "/v1/task-defs", {"name": "work"})
        server.accepted("PUT", "/v1/wf-specs", {"name": "work", "spec": spec})
    except LOST:
        pytest.fail(f"it died too early: {server.printed()}")

    def start(number: int) -> None:
        try:
            response = server.call("POST", "/v1/wf-runs", _start(number), f"start-{number}")
        except LOST:
            return
        if response.status_code < 300:
            with lock:
                acknowledged.add(number)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(start, range(RUNS)))
    return acknowledged


def _work_until_all_have_ended(server: Server) -> None:
    deadline = time.monotonic() + FINISH_S
    left = set(range(RUNS))
    while left:
        assert time.monotonic() < deadline, f"runs {left} have not ended; {server.printed()}"
        body = {"worker": "w", "tasks_max": 20, "wait_ms": 300}
        for one in server.accepted("POST", "/v1/task-queues/work/poll", body)["tasks"]:
            report = {key: one[key] for key in ("wf_run_id", "guid", "attempt")}
            report |= {"status": "TASK_SUCCESS", "output": one["wf_run_id"]}
            server.call("POST", "/v1/tasks/report", report)
        left = {
            number
            for number in left
            if server.accepted("GET", f"/v1/wf-runs/run-{number}")["status"] != "COMPLETED"
        }


def _check_stamps(server: Server) -> None:
    """What came twice carries the same stamp; nothing else came twice (O3)."""
    topics = Topics(server.cluster, 2)
    log = EmbeddedLog(
        server.data / "log",
        commands=topics.commands,
        partitions=topics.partitions,
        on_demand=topics.on_demand,
    )
    try:
        avro = Avro()
        stamps: dict[Any, set[bytes]] = defaultdict(set)
        for record in _outputs(log, topics):
            body, _ = avro.decode(record.value or b"")
            if isinstance(body, ScheduledTask):
                stamps["task", body.guid, body.attempt].add(record.headers["stamp"])
            elif isinstance(body, WfRunChanged):
                stamps["run", body.wf_run_id, body.status].add(record.headers["stamp"])
    finally:
        log.close()
    assert {key for key, found in stamps.items() if len(found) > 1} == set()
    ended = [key for key in stamps if key[0] == "run" and key[2] == "COMPLETED"]
    assert len(ended) == RUNS


def _outputs(log: EmbeddedLog, topics: Topics) -> Iterator[Record]:
    for number in range(topics.partitions):
        yield from log.read_all(topics.events, number)
        yield from log.read_all(topics.task("default", "work"), number)
