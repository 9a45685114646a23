"""Why a run is waiting, what waits in task queues, and the parts of a run as of a moment."""

from __future__ import annotations

from typing import Any

import pytest

from tests.controls import chain, event, nop, starts, threads
from tests.gateway.served import Served, wait_until, waiting_for_event


@pytest.fixture(scope="module", autouse=True)
def _registered(served: Served) -> None:
    served.a_task_def("wm-work")
    served.a_wf_spec("wm-works", "wm-work")
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "wm-paid"})
    spec = waiting_for_event("wm-waits", "wm-paid")
    note = {"name": "note", "type": "STR", "default": "old"}
    spec["spec"]["threads"]["main"]["variables"] = [note]
    served.good("PUT", "/v1/wf-specs?wait=all", spec)


def moments(served: Served, run: str) -> dict[str, str]:
    """The positions of a run's commands, by name."""
    story = served.good("GET", f"/v1/wf-runs/{run}/history?positions=true")["items"]
    return {one["command"]: one["log_position"] for one in story if one["what"] == "COMMAND"}


def items(served: Served, path: str) -> Any:
    return served.good("GET", path)["items"]


def test_a_run_says_what_it_waits_for(served: Served) -> None:
    run = served.run("wm-waits")
    path = f"/v1/wf-runs/{run}"
    [wait] = items(served, f"{path}/waits")
    assert (wait["what"], wait["name"], wait["node"]) == ("EVENT", "wm-paid", "wait")
    assert wait["text"] == "Waits for the event wm-paid."
    assert (wait["thread"], wait["position"], wait["until"]) == (0, 1, None)
    node = served.good("GET", f"{path}/node-runs/0/1")
    assert wait["since"] == node["history"][-1]["at"]
    served.good("POST", f"{path}/actions/stop", {})
    [wait] = items(served, f"{path}/waits")
    assert wait["what"] == "STOPPED"
    refused = served.refused("GET", "/v1/wf-runs/nobody/waits")
    assert refused[:2] == (404, "WF_RUN_UNKNOWN")


def test_every_part_of_a_run_is_told_as_of_a_moment(served: Served) -> None:
    run = served.run("wm-waits")
    path = f"/v1/wf-runs/{run}"
    served.good("POST", f"{path}/actions/edit-variable", {"name": "note", "value": "new"})
    put = {"wf_run_id": run, "event_def": "wm-paid", "guid": "g", "content": 7}
    served.good("POST", "/v1/external-events", put)
    served.good("GET", f"{path}?until=ended&wait_ms=10000")
    at = moments(served, run)

    def then(part: str, command: str) -> Any:
        return served.good("GET", f"{path}{part}?at={at[command]}")

    values = [then("/variables", one)["items"][0]["value"] for one in ("RunWf", "EditVariable")]
    assert values == ["old", "new"]
    nodes = [len(then("/node-runs", one)["items"]) for one in ("RunWf", "PutExternalEvent")]
    assert nodes == [2, 3]
    assert then("/node-runs/0/1", "RunWf")["status"] == "RUNNING"
    assert then("/node-runs/0/1", "PutExternalEvent")["status"] == "COMPLETED"
    assert then("/waits", "EditVariable")["items"][0]["name"] == "wm-paid"
    assert then("/waits", "PutExternalEvent")["items"] == []
    assert then("/external-events", "EditVariable")["items"] == []
    for part in ("/variables", "/node-runs", "/external-events"):
        newest = then(part, "PutExternalEvent")["items"]
        assert newest == items(served, path + part), f"{part} as of its end is as it is now"
    page = served.good("GET", f"{path}/node-runs?at={at['PutExternalEvent']}&limit=2")
    rest = f"{path}/node-runs?at={at['PutExternalEvent']}&cursor={page['cursor']}"
    assert len(page["items"]) == 2
    assert len(items(served, rest)) == 1


def test_tasks_are_told_as_of_a_moment(served: Served) -> None:
    run = served.run("wm-works")
    path = f"/v1/wf-runs/{run}"
    [wait] = items(served, f"{path}/waits")
    assert (wait["what"], wait["name"]) == ("QUEUE", "wm-work")
    [task] = [one for one in served.poll("wm-work") if one["wf_run_id"] == run]
    served.succeed(task, "done")
    at = moments(served, run)
    statuses = [
        items(served, f"{path}/task-runs?at={at[one]}")[0]["status"]
        for one in ("RunWf", "TaskStarted", "ReportTask")
    ]
    assert statuses == ["TASK_SCHEDULED", "TASK_RUNNING", "TASK_SUCCESS"]
    one = f"{path}/task-runs/{task['guid']}?at={at['TaskStarted']}"
    assert served.good("GET", one)["status"] == "TASK_RUNNING"
    [wait] = items(served, f"{path}/waits?at={at['TaskStarted']}")
    assert (wait["what"], wait["name"], wait["task_run"]) == ("WORKER", "w", task["guid"])


@pytest.mark.parametrize("part", ["/variables", "/node-runs", "/task-runs", "/waits"])
def test_a_moment_that_can_not_be_is_refused(served: Served, part: str) -> None:
    run = served.run("wm-waits")
    path = f"/v1/wf-runs/{run}{part}"
    assert served.refused("GET", f"{path}?at=yesterday")[:2] == (400, "BAD_REQUEST")
    assert served.refused("GET", f"{path}?at=99:1")[:2] == (400, "BAD_REQUEST")
    early = served.refused("GET", f"{path}?at=2001-01-01T00:00:00Z")
    assert early[:2] == (404, "WF_RUN_UNKNOWN")
    if part == "/task-runs":
        both = served.refused("GET", f"{path}?at=2999-01-01T00:00:00Z&view=kestra")
        assert both[:2] == (400, "BAD_REQUEST")


def test_a_queue_says_how_deep_and_how_old_it_is(served: Served) -> None:
    served.a_task_def("wm-queue")
    served.a_wf_spec("wm-queued", "wm-queue")
    path = "/v1/task-queues/wm-queue"
    assert served.good("GET", path) == {"task_def": "wm-queue", "waiting": 0, "oldest_at": None}
    first, _ = served.run("wm-queued"), served.run("wm-queued")
    wait_until(lambda: served.good("GET", path)["waiting"] == 2)  # a count holds for a moment
    queue = served.good("GET", path)
    began = served.good("GET", f"/v1/wf-runs/{first}")["started_at"]
    assert queue["oldest_at"][:16] >= began[:16]
    assert queue in items(served, "/v1/task-queues?limit=1000")
    page = served.good("GET", "/v1/task-queues?limit=1")
    assert len(page["items"]) == 1
    assert page["cursor"] is not None
    for task in served.poll("wm-queue", tasks_max=2):
        served.succeed(task)
    wait_until(lambda: served.good("GET", path)["waiting"] == 0)
    refused = served.refused("GET", "/v1/task-queues/wm-nothing")
    assert refused[:2] == (404, "TASK_DEF_UNKNOWN")


def test_a_thread_run_is_read_by_its_number_also_when_it_is_gone(served: Served) -> None:
    spec = threads(chain(starts("child"), event("wm-paid")), child=chain(nop()))
    spec["threads"]["child"]["retention"] = {"after_termination_s": 0}
    served.good("PUT", "/v1/wf-specs?wait=all", {"name": "wm-threads", "spec": spec})
    path = f"/v1/wf-runs/{served.run('wm-threads')}"
    wait_until(lambda: served.good("GET", f"{path}/threads/1")["gone"])
    one = served.good("GET", f"{path}/threads/1")
    assert (one["number"], one["thread_spec"], one["status"]) == (1, "child", "COMPLETED")
    assert (one["kind"], one["parent"]) == ("CHILD", 0)
    assert served.good("GET", f"{path}/threads/0")["status"] == "RUNNING"
    first = served.good("GET", f"{path}/threads?limit=1")
    second = served.good("GET", f"{path}/threads?limit=1&cursor={first['cursor']}")
    both = first["items"] + second["items"]
    assert both == served.good("GET", path)["threads"]
    moment = moments(served, path.rpartition("/")[2])["RunWf"]
    assert served.good("GET", f"{path}/threads/1?at={moment}")["gone"] is False
    for number in (2, 2**63, 2**200):
        refused = served.refused("GET", f"{path}/threads/{number}")
        assert refused[:2] == (404, "THREAD_UNKNOWN"), number
    assert served.refused("GET", "/v1/wf-runs/nobody/threads/0")[:2] == (404, "WF_RUN_UNKNOWN")
