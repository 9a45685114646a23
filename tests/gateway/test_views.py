"""Runs and task runs in the words of a product, over HTTP: `view=kestra`; task runs across runs;
logs and metrics.
"""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from penstock.cli import main
from penstock.sdk.client import Client
from penstock.sdk.errors import PenstockError
from tests.gateway.served import Served


@pytest.fixture(scope="module", autouse=True)
def _registered(served: Served) -> None:
    served.a_task_def("v-greet")
    served.a_wf_spec("v-hello", "v-greet", max_attempts=2)
    served.a_task_def("v-left")
    served.a_wf_spec("v-waits", "v-left")


def started(served: Served, **fields: Any) -> tuple[str, Any]:
    """A run, and its task, which a worker has begun."""
    run_id = served.run("v-hello", **fields)
    [task] = [one for one in served.poll("v-greet") if one["wf_run_id"] == run_id]
    return run_id, task


def ended(served: Served, **report: Any) -> str:
    """A run whose task has succeeded, with these words."""
    run_id, task = started(served)
    response = served.report(task, status="TASK_SUCCESS", **report)
    assert response.status_code == 200, response.text
    served.good("GET", f"/v1/wf-runs/{run_id}?until=ended&wait_ms=10000")
    return run_id


def test_a_run_is_an_execution(served: Served) -> None:
    run_id = ended(served, output="hi")
    shown = served.good("GET", f"/v1/wf-runs/{run_id}?view=kestra")
    assert (shown["id"], shown["flowId"], shown["flowRevision"]) == (run_id, "v-hello", 1)
    assert shown["state"]["current"] == "SUCCESS"
    [task_run] = shown["taskRunList"]
    assert task_run["outputs"] == {"value": "hi"}
    [listed] = served.good("GET", f"/v1/wf-runs/{run_id}/task-runs?view=kestra")["items"]
    assert listed == task_run
    one = served.good("GET", f"/v1/wf-runs/{run_id}/task-runs/{task_run['id']}?view=kestra")
    assert one == task_run
    runs = served.good("GET", "/v1/wf-runs?view=kestra&limit=1000")["items"]
    [head] = [run for run in runs if run["id"] == run_id]
    assert head["state"] == shown["state"]
    assert "taskRunList" not in head


def test_without_a_view_all_is_the_engines_own(served: Served) -> None:
    run_id = ended(served)
    [task_run] = served.good("GET", f"/v1/wf-runs/{run_id}/task-runs")["items"]
    one = served.good("GET", f"/v1/wf-runs/{run_id}/task-runs/{task_run['guid']}")
    assert one == task_run
    assert one["status"] == "TASK_SUCCESS"


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/wf-runs/{}", "/v1/wf-runs", "/v1/wf-runs/{}/task-runs"),
        *("/v1/wf-runs/{}/task-runs/x", "/v1/task-runs", "/v1/task-runs/per-day"),
        *("/v1/task-metrics", "/v1/task-metrics/per-bucket"),
        *("/v1/wf-runs/{}/logs", "/v1/wf-runs/{}/metrics", "/v1/wf-runs/{}/logs/follow"),
    ],
)
def test_a_view_that_is_not_there_is_refused(served: Served, path: str) -> None:
    refused = served.refused("GET", path.format(served.run("v-waits")) + "?view=airflow")
    assert refused[:2] == (400, "VIEW_UNKNOWN")
    assert "kestra" in refused[2]


def test_a_task_run_that_is_not_there(served: Served) -> None:
    for view in ("", "?view=kestra"):
        path = f"/v1/wf-runs/{served.run('v-waits')}/task-runs/nothing{view}"
        assert served.refused("GET", path)[:2] == (404, "TASK_RUN_UNKNOWN")


def test_task_runs_of_a_run_come_by_pages(served: Served) -> None:
    run_id = ended(served)
    for view in ("", "&view=kestra"):
        page = served.good("GET", f"/v1/wf-runs/{run_id}/task-runs?limit=1{view}")
        assert len(page["items"]) == 1
        assert page["cursor"] is None


LOGS = "DEBUG deep\nplain\nERROR bad: a b\nTraceback (most recent call last)\n  x\nValueError: y"


def test_logs_by_level_attempt_and_task_run(served: Served) -> None:
    run_id, task = started(served)
    served.report(task, status="TASK_FAILED", error="no", logs=LOGS)
    [again] = served.poll("v-greet")
    served.report(again, status="TASK_SUCCESS", logs="WARN second")
    path = f"/v1/wf-runs/{run_id}/logs"
    all_of_them = served.good("GET", path)["items"]
    assert [(one["attempt"], one["level"], one["message"]) for one in all_of_them] == [
        *((1, "DEBUG", "deep"), (1, "INFO", "plain"), (1, "ERROR", "bad: a b")),
        *((1, "ERROR", "Traceback (most recent call last)"), (1, "ERROR", "  x")),
        *((1, "ERROR", "ValueError: y"), (2, "WARN", "second")),
    ]
    warned = served.good("GET", f"{path}?min_level=WARN&attempt=1&task_run={task['guid']}")["items"]
    assert [one["level"] for one in warned] == ["ERROR"] * 4
    assert served.good("GET", f"{path}?task_run=another")["items"] == []
    [second] = served.good("GET", f"{path}?view=kestra&attempt=1")["items"]
    assert second | {"timestamp": "", "thread": ""} == {
        "namespace": "",
        "flowId": "v-hello",
        "taskId": "work",
        "executionId": run_id,
        "taskRunId": task["guid"],
        "attemptNumber": 1,
        "timestamp": "",
        "level": "WARN",
        "thread": "",
        "message": "second",
    }
    assert served.refused("GET", f"{path}?min_level=LOUD")[:2] == (400, "BAD_REQUEST")
    assert served.refused("GET", f"{path}?attempt=x")[:2] == (400, "BAD_REQUEST")


def test_metrics_name_their_attempt(served: Served) -> None:
    timer = {"name": "took", "kind": "timer", "value": 7.5, "tags": {"a": "b"}}
    run_id = ended(served, metrics=[{"name": "n", "kind": "counter", "value": 2.0}, timer])
    items = served.good("GET", f"/v1/wf-runs/{run_id}/metrics")["items"]
    assert [(one["name"], one["value"], one["attempt"]) for one in items] == [
        ("n", 2.0, 1),
        ("took", 7.5, 1),
    ]
    _, took = served.good("GET", f"/v1/wf-runs/{run_id}/metrics?view=kestra")["items"]
    assert (took["type"], took["value"], took["tags"]) == ("timer", 7.5, {"a": "b"})
    assert took["attemptNumber"] == 0


def test_metrics_of_a_run_by_name_task_and_tag(served: Served) -> None:
    timer = {"name": "took", "kind": "timer", "value": 7.5, "tags": {"a": "b:c"}}
    run_id = ended(served, metrics=[{"name": "n", "kind": "counter", "value": 2.0}, timer])
    for query, names in {
        "name=n": ["n"],
        "tag=a:b:c": ["took"],
        "tag=a:b": [],
        "task=work": ["n", "took"],
        "task_def=v-greet&task=work": ["n", "took"],
        "task=other": [],
        "task_def=other": [],
        "attempt=2": [],
    }.items():
        items = served.good("GET", f"/v1/wf-runs/{run_id}/metrics?{query}")["items"]
        assert [one["name"] for one in items] == names, query
    lines = served.good("GET", f"/v1/wf-runs/{run_id}/logs?task=other")
    assert lines["items"] == []
    refused = served.refused("GET", f"/v1/wf-runs/{run_id}/metrics?tag=a")
    assert refused[:2] == (400, "BAD_REQUEST")


def test_metrics_across_runs(served: Served) -> None:
    runs = [
        ended(served, metrics=[{"name": "across", "kind": "counter", "value": value}])
        for value in (2.0, 6.0)
    ]
    path = "/v1/task-metrics?name=across&task=work&task_def=v-greet&limit=1"
    first = served.good("GET", path)
    second = served.good("GET", f"{path}&cursor={first['cursor']}")
    found = [one for answer in (first, second) for one in answer["items"]]
    assert [(one["wf_run_id"], one["value"]) for one in found] == [(runs[1], 6.0), (runs[0], 2.0)]
    assert (found[0]["wf_spec"], first["whole"], second["cursor"]) == ("v-hello", True, None)
    [shown] = served.good("GET", f"{path}&view=kestra")["items"]
    assert (shown["flowId"], shown["value"]) == ("v-hello", 6.0)
    [total] = served.good("GET", "/v1/task-metrics/per-bucket?name=across&bucket=all")["items"]
    assert total == {
        "name": "across",
        "kind": "counter",
        "from": None,
        "count": 2,
        "sum": 8.0,
        "min": 2.0,
        "max": 6.0,
        "avg": 4.0,
    }
    days = served.good("GET", "/v1/task-metrics/per-bucket?name=across")["items"]
    assert sum(day["count"] for day in days) == 2
    assert all(day["from"].endswith("T00:00:00.000Z") for day in days)


@pytest.mark.parametrize(
    "path", ["?tag=x", "?started_after=monday", "/per-bucket?bucket=year", "?cursor=xx", "?limit=0"]
)
def test_a_search_of_metrics_that_can_not_be_meant(served: Served, path: str) -> None:
    assert served.refused("GET", f"/v1/task-metrics{path}")[:2] == (400, "BAD_REQUEST")


def test_logs_are_followed_until_the_run_ends(served: Served) -> None:
    run_id, task = started(served)
    served.report(task, status="TASK_FAILED", error="no", logs="first")
    [again] = served.poll("v-greet")
    events: list[str] = []
    first = threading.Event()

    def listen() -> None:
        path = f"{served.url}/v1/wf-runs/{run_id}/logs/follow?min_level=INFO"
        with served.http.stream("GET", path) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            for line in response.iter_lines():
                events.append(line)
                if "first" in line:
                    first.set()

    thread = threading.Thread(target=listen)
    thread.start()
    assert first.wait(20)
    served.report(again, status="TASK_SUCCESS", logs="DEBUG hidden\nlast")
    thread.join(20)
    assert not thread.is_alive()
    assert [line for line in events if line.startswith("event")] == [
        *("event: log", "event: log", "event: end"),
    ]
    assert '"message":"last"' in events[4]


def test_task_runs_across_runs(served: Served) -> None:
    runs = [ended(served) for _ in range(2)]
    path = "/v1/task-runs?view=kestra&wf_spec=v-hello&status=SUCCESS&limit=1"
    first = served.good("GET", path)
    second = served.good("GET", f"{path}&cursor={first['cursor']}")
    found = [one["executionId"] for answer in (first, second) for one in answer["items"]]
    assert found == runs[::-1]
    assert first["whole"] is True
    own = served.good("GET", "/v1/task-runs?task_def=v-greet&status=TASK_SUCCESS&task=work")
    assert {one["wf_run_id"] for one in own["items"]} >= set(runs)
    of = {(one["wf_spec"], one["namespace"], one["node"]) for one in own["items"]}
    assert of == {("v-hello", "", "work")}
    [day] = served.good("GET", "/v1/task-runs/per-day?view=kestra&wf_spec=v-hello")["items"]
    assert day["states"]["SUCCESS"] >= 2


@pytest.mark.parametrize(
    "query", ["started_after=monday", "label=nocolon", "child_filter=BOTH", "cursor=xx", "limit=0"]
)
def test_a_search_that_can_not_be_meant(served: Served, query: str) -> None:
    assert served.refused("GET", f"/v1/task-runs?{query}")[:2] == (400, "BAD_REQUEST")


def test_the_client_reads_views(served: Served) -> None:
    run_id = ended(served, logs="INFO hi")
    with Client(served.url) as client:
        run = client.handle(run_id)
        assert run.view("kestra")["taskRunList"] == run.view_task_runs("kestra")
        assert [line.message for line in run.logs(min_level="INFO").items] == ["hi"]
        with pytest.raises(PenstockError, match="VIEW_UNKNOWN"):
            run.view("airflow")


def test_the_command_line_shows_a_run(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = ended(served)
    assert main(["get", "wf-run", run_id, "--url", served.url]) == 0
    assert "v-hello 1  COMPLETED" in capsys.readouterr().out
    assert main(["get", "wf-run", run_id, "-o", "json", "--url", served.url]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "COMPLETED"
    assert main(["get", "wf-run", run_id, "--view", "kestra", "--url", served.url]) == 0
    assert json.loads(capsys.readouterr().out)["state"]["current"] == "SUCCESS"
    assert main(["task-runs", run_id, "--url", served.url]) == 0
    assert capsys.readouterr().out.split()[:2] == ["work", "SUCCESS"]
    assert main(["task-runs", "nobody", "--url", served.url]) == 3
    assert "WF_RUN_UNKNOWN" in capsys.readouterr().err
