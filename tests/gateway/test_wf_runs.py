"""Runs over HTTP: started once, waited for, stopped, resumed, told."""

import threading
import time
from datetime import datetime

import pytest

from tests.gateway.served import Served, waiting_for_event


@pytest.fixture(scope="module", autouse=True)
def specs(served: Served) -> None:
    served.a_task_def("runs-work")
    served.a_wf_spec("runs", "runs-work", max_attempts=2)
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "runs-go"})
    served.good("PUT", "/v1/wf-specs?wait=all", waiting_for_event("runs-event", "runs-go"))


def test_a_start_is_201_and_its_repeat_200(served: Served) -> None:
    body = {"wf_spec": "runs-event", "wf_run_id": "start-once", "labels": {"team": "a"}}
    first = served.call("POST", "/v1/wf-runs", body)
    again = served.call("POST", "/v1/wf-runs", body)
    other = served.refused("POST", "/v1/wf-runs", {**body, "labels": {}})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.headers["Penstock-Position"] == first.json()["position"]
    assert other[:2] == (409, "ALREADY_EXISTS")
    run = served.good("GET", "/v1/wf-runs/start-once")
    assert (run["status"], run["labels"], run["ended_at"]) == ("RUNNING", {"team": "a"}, None)
    assert [thread["node"] for thread in run["threads"]] == ["wait"]


def test_without_an_id_the_command_id_decides_it(served: Served) -> None:
    first = served.good("POST", "/v1/wf-runs", {"wf_spec": "runs-event"}, command_id="run-1")
    again = served.good("POST", "/v1/wf-runs", {"wf_spec": "runs-event"}, command_id="run-1")
    other = served.good("POST", "/v1/wf-runs", {"wf_spec": "runs-event"}, command_id="run-2")

    assert first["wf_run_id"] == again["wf_run_id"] != other["wf_run_id"]
    assert (first["repeated"], again["repeated"]) == (False, True)


def test_the_same_start_many_times_at_once_is_one_run(served: Served) -> None:
    answers: list[tuple[int, str]] = []

    def start() -> None:
        made = served.call("POST", "/v1/wf-runs", {"wf_spec": "runs-event"}, command_id="rush")
        answers.append((made.status_code, made.json()["wf_run_id"]))

    threads = [threading.Thread(target=start) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers) == [200] * 19 + [201]
    assert len({wf_run_id for _, wf_run_id in answers}) == 1


def test_until_ended_answers_as_soon_as_the_run_has(served: Served) -> None:
    wf_run_id = served.run("runs-event")
    ended: list[tuple[float, str]] = []

    def wait() -> None:
        run = served.good("GET", f"/v1/wf-runs/{wf_run_id}?until=ended&wait_ms=20000")
        ended.append((time.monotonic(), run["status"]))

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.2)
    assert not ended, "it waits"
    served.good("POST", "/v1/external-events", {"wf_run_id": wf_run_id, "event_def": "runs-go"})
    told = time.monotonic()
    waiting.join(20)
    assert ended[0][1] == "COMPLETED"
    assert ended[0][0] - told < 10, "woken, long before its twenty seconds are over"


def test_until_ended_gives_the_run_as_it_is_when_the_wait_is_over(served: Served) -> None:
    wf_run_id = served.run("runs-event")
    begun = time.monotonic()
    run = served.good("GET", f"/v1/wf-runs/{wf_run_id}?until=ended&wait_ms=300")
    assert run["status"] == "RUNNING"
    assert 0.25 < time.monotonic() - begun < 10


def test_a_stopped_run_waits_and_a_resumed_one_goes_on(served: Served) -> None:
    wf_run_id = served.run("runs-event")
    path = f"/v1/wf-runs/{wf_run_id}"
    assert served.good("POST", f"{path}/actions/stop", {})["status"] == "HALTED"
    event = {"wf_run_id": wf_run_id, "event_def": "runs-go", "guid": "e1", "content": {"a": [1]}}
    assert served.call("POST", "/v1/external-events", event).status_code == 201
    assert served.call("POST", "/v1/external-events", event).status_code == 200
    assert served.good("GET", path)["status"] == "HALTED"
    served.good("POST", f"{path}/actions/resume", {"thread": 0})
    run = served.good("GET", path)

    assert (run["status"], run["output"]) == ("COMPLETED", {"a": [1]})
    events = served.good("GET", f"{path}/external-events")["items"]
    assert events[0]["claimed_by"] == {"thread": 0, "position": 1}
    assert events[0]["claimed_at"] >= events[0]["put_at"]
    assert events[0]["correlated"] is False
    again = served.refused("POST", f"{path}/actions/resume", {})
    assert again[:2] == (409, "WF_RUN_ENDED")
    assert served.refused("POST", f"{path}/actions/stop")[:2] == (409, "WF_RUN_ENDED")


def test_the_parts_of_a_run_and_its_story(served: Served) -> None:
    wf_run_id = served.run("runs")
    task = served.poll("runs-work", "ada")[0]
    served.report(task, status="TASK_FAILED", error="no luck", logs="tried")
    task = served.poll("runs-work", "bob")[0]
    served.succeed(task, 7)
    path = f"/v1/wf-runs/{wf_run_id}"

    run = served.good("GET", path)
    assert (run["status"], run["output"], run["failure"]) == ("COMPLETED", 7, None)
    nodes = served.good("GET", f"{path}/node-runs")["items"]
    assert [node["node"] for node in nodes] == ["start", "work", "end"]
    assert served.good("GET", f"{path}/node-runs/0/1") == nodes[1]
    assert nodes[1]["task"] == f"{wf_run_id}/{task['guid']}"
    tried = served.good("GET", f"{path}/task-runs")["items"][0]
    assert [attempt["status"] for attempt in tried["attempts"]] == ["TASK_FAILED", "TASK_SUCCESS"]
    assert [attempt["worker"] for attempt in tried["attempts"]] == ["ada", "bob"]
    assert tried["attempts"][0]["failure"]["message"] == "no luck"
    assert tried["attempts"][0]["logs"] == "tried"
    assert tried["timeout"] == "PT60S"

    facts = served.good("GET", f"{path}/history")["items"]
    times = [datetime.fromisoformat(fact["at"]) for fact in facts]
    assert times == sorted(times)
    told = [(fact["what"], fact.get("node"), fact["status"]) for fact in facts]
    assert told[0] == ("WF_RUN", None, "RUNNING")
    assert told[-1] == ("WF_RUN", None, "COMPLETED")
    attempts = [fact["status"] for fact in facts if fact["what"] == "TASK_ATTEMPT"]
    assert attempts == [
        *("TASK_SCHEDULED", "TASK_RUNNING", "TASK_FAILED"),
        *("TASK_SCHEDULED", "TASK_RUNNING", "TASK_SUCCESS"),
    ]


def test_variables_are_shown(served: Served) -> None:
    spec = waiting_for_event("runs-variables", "runs-go")
    variables = [{"name": "x", "type": "INT"}, {"name": "data", "type": "BYTES"}]
    spec["spec"]["threads"]["main"]["variables"] = variables
    served.good("PUT", "/v1/wf-specs?wait=all", spec)
    wf_run_id = served.run("runs-variables", variables={"x": 5, "data": "AAE="})
    shown = served.good("GET", f"/v1/wf-runs/{wf_run_id}/variables")["items"]
    assert [(one["name"], one["value"]) for one in shown] == [("data", "AAE="), ("x", 5)]


def test_all_runs_are_listed_page_by_page(served: Served) -> None:
    spec = waiting_for_event("listed", "go")
    served.good("PUT", "/v1/external-event-defs", {"name": "go"}, tenant="lists")
    served.good("PUT", "/v1/wf-specs", spec, tenant="lists")
    wanted = {f"listed-{number}" for number in range(11)} | {"listed-1-b"}
    for wf_run_id in sorted(wanted):
        body = {"wf_spec": "listed", "wf_run_id": wf_run_id}
        served.good("POST", "/v1/wf-runs", body, tenant="lists")
    event = {"wf_run_id": "not-begun", "event_def": "go"}
    served.good("POST", "/v1/external-events", event, tenant="lists")
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        path = "/v1/wf-runs?limit=2" + (cursor and f"&cursor={cursor}")
        page = served.good("GET", path, tenant="lists")
        seen += [item["wf_run_id"] for item in page["items"]]
        cursor = page["cursor"]
    assert len(seen) == len(wanted)
    assert set(seen) == wanted
