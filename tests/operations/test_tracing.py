"""A trace goes from a client over the log to a worker and back, and nothing that folds sees it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import penstock
from penstock.core.state.outputs import ScheduledTask
from penstock.observe import tracing
from penstock.sdk import api
from penstock.sdk.attempt import Attempt
from tests.gateway.served import one_task, serving
from tests.sdk.servers import running_server

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Spans that this process makes."""
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setenv("PENSTOCK_TRACING", "global")
    tracing.tracing.cache_clear()
    yield exporter
    monkeypatch.undo()
    tracing.tracing.cache_clear()


def test_nothing_is_imported_that_is_not_asked_for() -> None:
    code = (
        "import sys, penstock, penstock.server, penstock.sdk.worker, penstock.sdk.client\n"
        "from penstock.observe import tracing\n"
        "assert tracing.outgoing() == {}\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("bad", ["", "00-x", PARENT + "0", PARENT.upper(), "01" + PARENT[2:]])
def test_what_has_not_the_form_goes_no_further(bad: str) -> None:
    assert tracing.sound(bad.encode()) is None


def test_a_trace_stands_on_the_command_and_on_the_tasks_of_its_run(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("traced")) as served:
        served.a_task_def("traced")
        served.good("PUT", "/v1/wf-specs?wait=all", one_task("traced", "traced"))
        for given in (PARENT, "no trace"):
            start = {"wf_spec": "traced", "wf_run_id": "with" if given == PARENT else "without"}
            headers = {"traceparent": given}
            assert served.http.post("/v1/wf-runs", json=start, headers=headers).status_code == 201
        found = {
            record.key: record.headers.get("traceparent")
            for number in range(3)
            for record in served.made.log.read_all(
                served.made.topics.task("default", "traced"), number
            )
        }
        assert found == {b"with": PARENT.encode(), b"without": None}
        assert all(one["equal"] for one in served.good("GET", "/v1/verify")["items"])


def test_a_workers_span_carries_on_and_its_report_too(spans: InMemorySpanExporter) -> None:
    @penstock.task
    def work() -> str:
        return tracing.outgoing()["traceparent"].decode()

    scheduled = ScheduledTask(
        tenant="default",
        wf_run_id="r",
        guid="g",
        task_def="work",
        attempt=1,
        inputs={},
        wf_spec="s",
        version=0,
        node="n",
        thread=0,
        scheduled_at_ms=0,
        timeout_ms=1_000,
        max_attempts=1,
        report_partition=0,
    )
    attempt = Attempt(work, scheduled, "w")
    attempt.trace = PARENT.encode()
    report = attempt.run()
    [span] = spans.get_finished_spans()
    assert span.name == "task work"
    assert span.parent is not None and f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    own = f"00-{TRACE}-{span.context.span_id:016x}-01"
    assert report.output == own
    call = api.command("POST", "/v1/tasks/report", {}, attempt.trace)
    assert call.headers("default")["traceparent"] == own


def test_a_server_makes_spans_of_requests_and_commands(tmp_path: Path) -> None:
    data = tmp_path / "data"
    env = {"PENSTOCK_TRACING": "console"}
    with running_server(data, env=env) as url, httpx.Client(base_url=url) as http:
        headers = {"traceparent": PARENT}
        body: Any = {"name": "seen"}
        assert http.put("/v1/task-defs", json=body, headers=headers).status_code == 200
    printed = (tmp_path / "data.log").read_text()
    assert '"name": "fold PutTaskDef"' in printed
    assert '"name": "HTTP PUT"' in printed
    assert '"http.route": "/v1/task-defs"' in printed
    assert printed.count(TRACE) >= 2
