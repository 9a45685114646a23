"""Webhooks that could not be delivered: listed, fetched by who has missed them, and sent again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.served import Served

INPUTS = ("type", "data", "url", "endpoint", "timestamp")
PATH = "/v1/webhook-deliveries"


def a_webhook(served: Served, name: str, **node: Any) -> str:
    """A workflow of one webhook, of a TaskDef of its own."""
    kinds = {"data": "JSON_OBJ"}
    declared = [{"name": one, "type": kinds.get(one, "STR")} for one in INPUTS]
    served.a_task_def(name, input_vars=declared)
    given = {"type": "order.paid", "data": {"id": 7}, "url": "http://x/", "endpoint": "default"}
    inputs = {one: {"from": "VALUE", "value": given.get(one)} for one in INPUTS}
    served.a_wf_spec(name, name, inputs=inputs, **node)
    return name


def listed(served: Served, name: str, path: str = PATH, **asked: str) -> list[Any]:
    """All pages."""
    query = "&".join(f"{key}={value}" for key, value in {"task_def": name, **asked}.items())
    items: list[Any] = []
    cursor = ""
    while True:
        page = served.good("GET", f"{path}?{query}{cursor}")
        items += page["items"]
        if page["cursor"] is None:
            return items
        cursor = f"&cursor={page['cursor']}"


def test_failed_ones_are_listed_and_sent_again(served: Served) -> None:
    name = a_webhook(served, "hooks", max_attempts=2)
    failed, delivered, pending = (served.run(name) for _ in range(3))
    for _ in range(4):  # the failed one comes twice
        for task in served.poll(name, wait_ms=2_000):
            if task["wf_run_id"] == failed:
                served.report(task, status="TASK_FAILED", error="x answered 500")
            elif task["wf_run_id"] == delivered:
                served.succeed(task, {"code": 200})
    shown = {one["wf_run_id"]: one for one in listed(served, name)}
    statuses = {wf_run_id: one["status"] for wf_run_id, one in shown.items()}
    assert statuses == {failed: "failed", delivered: "delivered", pending: "pending"}
    [one] = listed(served, name, status="failed")
    assert (one["type"], one["data"], one["attempts"]) == ("order.paid", {"id": 7}, 2)
    assert one["failure"]["message"] == "x answered 500"
    assert one["webhook_id"] == one["guid"]
    assert len(listed(served, name, limit="1")) == 3

    missed = listed(served, name, f"{PATH}/poll", url="http://x/", endpoint="default")
    assert [each["webhook_id"] for each in missed] == [one["guid"]]
    assert listed(served, name, f"{PATH}/poll", url="http://elsewhere/") == []

    served.good("POST", f"{PATH}/{failed}/{one['guid']}/resend")
    (again,) = served.poll(name)
    assert (again["wf_run_id"], again["inputs"]["type"]) == (failed, "order.paid")
    served.succeed(again, {"code": 200})
    assert served.good("GET", f"/v1/wf-runs/{failed}")["status"] == "COMPLETED"


@pytest.mark.parametrize("name", ["SECRET_UNKNOWN", "ENDPOINT_GONE"])
def test_one_that_ended_in_an_exception_is_sent_again(served: Served, name: str) -> None:
    """For want of its secret, or of its receiver, once those are there."""
    hooks = a_webhook(served, f"hooks-{name.lower().replace('_', '-')}")
    wf_run_id = served.run(hooks)
    (task,) = served.poll(hooks)
    served.report(task, status="TASK_EXCEPTION", exception=name, error="there is none")
    assert served.good("GET", f"/v1/wf-runs/{wf_run_id}")["status"] == "EXCEPTION"
    [one] = listed(served, hooks, status="failed")
    served.good("POST", f"{PATH}/{wf_run_id}/{one['guid']}/resend")
    (again,) = served.poll(hooks)
    assert (again["wf_run_id"], again["attempt"]) == (wf_run_id, 1)
    assert again["guid"] != task["guid"]
    served.succeed(again, {"code": 200})
    assert served.good("GET", f"/v1/wf-runs/{wf_run_id}")["status"] == "COMPLETED"
    statuses = {each["guid"]: each["status"] for each in listed(served, hooks)}
    assert statuses == {task["guid"]: "failed", again["guid"]: "delivered"}
    gone_on = served.refused("POST", f"{PATH}/{wf_run_id}/{task['guid']}/resend")
    assert gone_on[:2] == (409, "THREAD_NOT_FAILED")


def test_one_that_waits_is_sent_at_once(served: Served) -> None:
    name = a_webhook(served, "hooks-wait", max_attempts=2, backoff={"base_ms": 3_600_000})
    wf_run_id = served.run(name)
    (task,) = served.poll(name)
    served.report(task, status="TASK_FAILED", error="busy")
    served.good("POST", f"{PATH}/{wf_run_id}/{task['guid']}/resend")
    (again,) = served.poll(name)
    assert (again["guid"], again["attempt"]) == (task["guid"], 2)
    path = f"{PATH}/{wf_run_id}/{task['guid']}/resend"
    assert served.refused("POST", path)[:2] == (409, "TASK_NOT_IN_BACKOFF")
    served.succeed(again)
    assert served.refused("POST", path)[:2] == (409, "TASK_RUN_ENDED")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{PATH}?status=lost", 400),
        (f"{PATH}?task_def=no/name", 400),
        (f"{PATH}?cursor=abc", 400),
        (f"{PATH}/poll?limit=0", 400),
    ],
)
def test_what_can_not_be_listed_is_refused(served: Served, path: str, status: int) -> None:
    assert served.refused("GET", path)[0] == status


def test_what_is_not_there_can_not_be_sent(served: Served) -> None:
    refused = served.refused("POST", f"{PATH}/nobody/nothing/resend")
    assert refused[:2] == (404, "TASK_RUN_UNKNOWN")


def test_a_breaker_is_shown_and_closed(served: Served) -> None:
    served.a_task_def("fragile", breaker={"level": 0.0, "window": 1})
    served.a_wf_spec("fragile", "fragile")
    for _ in range(12):
        served.run("fragile")
    for task in served.poll("fragile", tasks_max=100):
        served.report(task, status="TASK_FAILED", error="down")
    waiting = served.run("fragile", wf_run_id="after-all")
    path = "/v1/task-queues/fragile"
    shown = served.good("GET", f"{path}/breaker")["items"]
    assert len(shown) == 3
    assert "OPEN" in {one["status"] for one in shown}
    assert served.good("GET", "/v1/task-defs/fragile")["breaker"]["level"] == 0.0
    served.good("POST", f"{path}/actions/close")
    assert waiting in {task["wf_run_id"] for task in served.poll("fragile", tasks_max=100)}
    unknown = "/v1/task-queues/nothing/breaker"
    assert served.refused("GET", unknown)[:2] == (404, "TASK_DEF_UNKNOWN")
    served.a_task_def("sturdy")
    refused = served.refused("POST", "/v1/task-queues/sturdy/actions/close")
    assert refused[:2] == (409, "BREAKER_UNKNOWN")
