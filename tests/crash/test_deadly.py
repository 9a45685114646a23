"""R6 with real processes: a record in whose fold each one is killed (as the kernel does with what
takes all memory, or a fault in a library that is written in C) costs three of them. The fourth
rules on it, and goes on with all others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.processor.at_hand import ENDS_MAX
from tests.chaos.builds import changed_build
from tests.controls import chain, event, sleeps
from tests.crash.server import LOST, Server

SIGKILL = -9
ONE_PARTITION = ("--partitions", "1")
ON_KAFKA = (*ONE_PARTITION, "--session-timeout-ms", "6000")
KILLS = (
    '    if wf_run_id.startswith("deadly"):\n        import os\n        os.kill(os.getpid(), 9)\n'
)
CHANGES = {
    "core/commands/stop_wf_run.py": (
        "    halt(load_live(",
        "    wf_run_id = command.wf_run_id\n" + KILLS + "    halt(load_live(",
    ),
    "core/fire.py": (
        "    of_no_run = timer.wf_run_id",
        "    wf_run_id = timer.wf_run_id\n" + KILLS + "    of_no_run = timer.wf_run_id",
    ),
}


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def server(request: pytest.FixtureRequest, tmp_path: Path, cluster_name: str) -> Iterator[Server]:
    """Of a build in which some runs are deadly."""
    environment = changed_build(tmp_path / "build", CHANGES)
    data = tmp_path / "data"
    if request.param == "kafka":
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        made = Server(data, bootstrap, cluster_name, ON_KAFKA, environment)
    else:
        made = Server(data, more=ONE_PARTITION, environment=environment)
    yield made
    made.stop()


@pytest.mark.timeout(240)
@pytest.mark.fault(51)
@pytest.mark.parametrize("by", ["a command", "a timer"])
def test_r06_a_record_that_keeps_killing_the_process_is_ruled_on(server: Server, by: str) -> None:
    """All else of its partition is well, the stores are what the log folds to, and nothing that
    was acknowledged is lost.
    """
    server.start()
    spec = chain(event("go")) if by == "a command" else chain(sleeps(1))
    server.accepted("PUT", "/v1/external-event-defs", {"name": "go"})
    server.accepted("PUT", "/v1/wf-specs", {"name": "deadly", "spec": spec})
    server.accepted("PUT", "/v1/wf-specs", {"name": "waits", "spec": chain(event("go"))})
    server.accepted("POST", "/v1/wf-runs", {"wf_spec": "waits", "wf_run_id": "neighbour"})
    try:
        server.accepted("POST", "/v1/wf-runs", {"wf_spec": "deadly", "wf_run_id": "deadly-1"})
        if by == "a command":
            server.call("POST", "/v1/wf-runs/deadly-1/actions/stop", {}, "stop")
    except LOST:
        pass
    assert server.ended(30) == SIGKILL
    for _ in range(ENDS_MAX - 1):
        server.launch()
        assert server.ended(60) == SIGKILL, server.printed()
    server.start()
    run = _when_open(server, "/v1/wf-runs/deadly-1")
    assert (run["status"], run["failure"]["name"]) == ("ERROR", "ENGINE_DEFECT")
    if by == "a command":
        again = server.call("POST", "/v1/wf-runs/deadly-1/actions/stop", {}, "stop")
        assert again.json()["error"]["code"] == "ENGINE_DEFECT"
    server.accepted(
        "POST", "/v1/external-events", {"wf_run_id": "neighbour", "event_def": "go", "guid": "go-1"}
    )
    assert server.accepted("GET", "/v1/wf-runs/neighbour")["status"] == "COMPLETED"
    server.stop()
    stopped = server.verify()
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr


def _when_open(server: Server, path: str) -> Any:
    """What is answered once the group has found out who of its members is left."""
    deadline = time.monotonic() + 60.0
    while (answer := server.call("GET", path)).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    assert answer.status_code == 200, answer.text
    return answer.json()
