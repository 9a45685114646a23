"""Applications and their workflows over HTTP."""

from typing import Any

import pytest

from tests.gateway.served import Served

APPLICATION = "/v1/applications/wo-shop"
WORKFLOWS = APPLICATION + "/workflows"
HOOKS = "https://shop.example/hooks"


@pytest.fixture(scope="module", autouse=True)
def tasks(served: Served) -> None:
    """An application, and two tasks that hand on a context."""
    served.good("PUT", "/v1/applications?wait=all", {"name": "wo-shop", "webhook_url": HOOKS})
    for name in ("wo-pay", "wo-ship"):
        context = [{"name": "context", "type": "JSON_OBJ"}]
        served.a_task_def(name, input_vars=context, return_type="JSON_OBJ")


def test_an_application_is_put_read_changed_and_deleted(served: Served) -> None:
    body = {"name": "wo-own", "webhook_url": HOOKS, "description": "ours"}
    served.good("PUT", "/v1/applications", body)
    assert served.good("PUT", "/v1/applications", body)["repeated"]
    served.good("PUT", "/v1/applications?wait=all", body | {"webhook_url": "https://b.example"})
    shown = served.good("GET", "/v1/applications/wo-own")
    assert shown.pop("created_at") <= shown.pop("updated_at")
    assert shown == {
        "name": "wo-own",
        "version": 2,
        "webhook_url": "https://b.example",
        "description": "ours",
        "disabled": None,
    }
    names = [one["name"] for one in served.good("GET", "/v1/applications")["items"]]
    assert {"wo-own", "wo-shop"} <= set(names)
    served.good("DELETE", "/v1/applications/wo-own")
    unknown = (404, "APPLICATION_UNKNOWN")
    assert served.refused("GET", "/v1/applications/wo-own")[:2] == unknown
    assert served.refused("DELETE", "/v1/applications/wo-own")[:2] == unknown


def test_a_workflow_is_defined_run_and_shown(served: Served) -> None:
    """By its latest version or a number; the same definition again is the same version."""
    body: dict[str, Any] = {"name": "wo-sell", "tasks": ["wo-pay", {"task": "wo-ship"}]}
    answer = served.good("PUT", WORKFLOWS + "?wait=all", body)
    assert (answer["name"], answer["version"]) == ("wo-shop.wo-sell", 1)
    assert served.good("PUT", WORKFLOWS, body)["repeated"]
    changed = body | {"retry": {"max_attempts": 2, "backoff": {"base_ms": 10}}}
    assert served.good("PUT", WORKFLOWS + "?wait=all", changed)["version"] == 2
    runs = WORKFLOWS + "/wo-sell/runs"
    old = served.good("POST", runs, {"version": 1, "context": {"n": 0}})["wf_run_id"]
    new = served.good("POST", runs, {"version": "latest", "context": {"n": 1}})["wf_run_id"]
    for wf_run_id, version, most in ((old, 1, 5), (new, 2, 2)):
        shown = served.good("GET", f"/v1/wf-runs/{wf_run_id}?view=wundaflow")
        assert shown["workflow_version"] == version
        assert [one["max_attempts"] for one in shown["task_runs"]] == [most, most]
    taken: list[Any] = []
    while len(taken) < 2:
        taken += served.poll("wo-pay")
    for task in taken:
        served.succeed(task, task["inputs"]["context"] | {"paid": True})
    page = served.good("GET", f"/v1/wf-runs/{new}/task-runs?view=wundaflow&limit=1")
    [pay] = page["items"]
    assert (pay["state"], pay["context_out"]) == ("success", {"n": 1, "paid": True})
    assert pay["diff"]["added"] == [{"path": "/paid", "value": True}]
    rest = served.good("GET", f"/v1/wf-runs/{new}/task-runs?view=wundaflow&cursor={page['cursor']}")
    assert [one["step"] for one in rest["items"]] == ["wo-ship"]
    assert rest["cursor"] is None
    one = served.good("GET", f"/v1/wf-runs/{new}/task-runs/{pay['id']}?view=wundaflow")
    assert one == pay


def test_the_workflows_of_an_application_are_listed(served: Served) -> None:
    """By name, in their newest versions; what is written otherwise is none, nor a deleted one."""
    for name in ("wo-li", "wo-lis"):
        served.good("PUT", "/v1/applications?wait=all", {"name": name, "webhook_url": HOOKS})
    at = "/v1/applications/wo-li/workflows"
    assert served.good("GET", at)["items"] == []
    again = {"task": "wo-pay", "step": "twice"}
    for number, tasks in enumerate((["wo-pay"], ["wo-pay", "wo-ship", again])):
        answer = served.good("PUT", at, {"name": "one", "tasks": tasks})
        assert answer["version"] == number + 1
    for name in ("two", "gone"):
        served.good("PUT", at, {"name": name, "tasks": ["wo-pay"]})
    served.good("DELETE", "/v1/wf-specs/wo-li.gone?version=1")
    served.good("PUT", "/v1/applications/wo-lis/workflows", {"name": "x", "tasks": ["wo-pay"]})
    served.a_task_def("wo-own")
    served.a_wf_spec("wo-li.other", "wo-own")
    pages, cursor = [], ""
    while cursor is not None:
        page = served.good("GET", f"{at}?limit=1{cursor and '&cursor=' + cursor}")
        pages += page["items"]
        cursor = page["cursor"]
    assert [one["name"] for one in pages] == ["wo-li.one", "wo-li.two"]
    steps = [(one["step"], one["task"]) for one in pages[0]["tasks"]]
    assert steps == [("wo-pay", "wo-pay"), ("wo-ship", "wo-ship"), ("twice", "wo-pay")]
    assert (pages[0]["workflow"], pages[0]["version"]) == ("one", 2)
    assert served.good("GET", f"{at}/one") == pages[0]
    assert served.refused("GET", f"{at}/other")[:2] == (404, "SPEC_UNKNOWN")
    unknown = (404, "APPLICATION_UNKNOWN")
    assert served.refused("GET", "/v1/applications/wo-none/workflows")[:2] == unknown


def test_the_way_ahead_has_pages(served: Served) -> None:
    """Also from a cursor that nobody gave."""
    steps = [{"task": "wo-ship", "step": f"s-{number}"} for number in range(4)]
    served.good("PUT", WORKFLOWS + "?wait=all", {"name": "wo-long", "tasks": steps})
    wf_run_id = served.good("POST", WORKFLOWS + "/wo-long/runs", {})["wf_run_id"]
    path = f"/v1/wf-runs/{wf_run_id}/task-runs?view=wundaflow&limit=1"
    seen: list[tuple[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = served.good("GET", path + (cursor and f"&cursor={cursor}"))
        seen += [(one["step"], one["state"]) for one in page["items"]]
        cursor = page["cursor"]
    assert seen == [("s-0", "queued"), *((f"s-{number}", "none") for number in (1, 2, 3))]
    for wrong in ("YWhlYWQ6OTk5OTk5OTk5OTk5", "OTk5OTk5OTk5OTk5OjE", "Og"):
        assert served.good("GET", f"{path}&cursor={wrong}")["items"][0]["step"] == "s-0"


def test_a_workflow_has_a_webhook(served: Served) -> None:
    """A run begins with the context in the body, with the body, or with none."""
    served.good("PUT", WORKFLOWS + "?wait=all", {"name": "wo-hooked", "tasks": ["wo-pay"]})
    webhook, key = WORKFLOWS + "/wo-hooked/webhook", "wo-key-0123456789"
    answer = served.good("PUT", webhook + "?wait=all", {"key": key, "labels": {"by": "post"}})
    assert (answer["name"], answer["version"]) == ("wo-shop.wo-hooked", 1)
    shown = served.good("GET", webhook)
    assert (shown["wf_spec"], shown["has_key"]) == ("wo-shop.wo-hooked", True)
    assert key not in str(shown)
    address = f"/v1/webhooks/wo-shop.wo-hooked/{key}"
    for body, context in (({"context": {"n": 1}}, {"n": 1}), ({"n": 2}, {"n": 2}), (None, {})):
        wf_run_id = served.good("POST", address, body)["wf_run_id"]
        [kept] = served.good("GET", f"/v1/wf-runs/{wf_run_id}/variables")["items"]
        assert (kept["name"], kept["value"]) == ("context", context)
        assert served.good("GET", f"/v1/wf-runs/{wf_run_id}")["labels"] == {"by": "post"}
    assert served.refused("POST", address, [1])[:2] == (400, "BAD_VALUE")
    assert served.refused("POST", address, "text")[:2] == (400, "BAD_VALUE")
    served.good("DELETE", webhook)
    assert served.refused("GET", webhook)[:2] == (404, "WEBHOOK_UNKNOWN")
    assert served.refused("POST", address)[:2] == (404, "WEBHOOK_UNKNOWN")


def test_a_workflow_that_is_not_there_has_no_webhook(served: Served) -> None:
    webhook = WORKFLOWS + "/wo-nothing/webhook"
    wanted = {"key": "wo-key-0123456789"}
    assert served.refused("PUT", webhook, wanted)[:2] == (404, "SPEC_UNKNOWN")
    assert served.refused("PUT", webhook, {})[1] == "BAD_REQUEST"
    assert served.refused("PUT", webhook, {"key": "short"})[1] == "BAD_VALUE"
    assert served.refused("PUT", webhook + "?wait=some", wanted)[1] == "BAD_REQUEST"
    assert served.refused("PUT", WORKFLOWS + "/Wo_/webhook", wanted)[1] == "BAD_NAME"
    assert served.refused("DELETE", webhook)[1] == "WEBHOOK_UNKNOWN"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "Wo"}, "BAD_NAME"),
        ({"name": "wo-x", "tasks": ["a.b"]}, "BAD_NAME"),
        ({"name": "wo-x", "tasks": ["wo-pay", "wo-pay"]}, "BAD_NAME"),
        ({"name": "wo-x", "tasks": ["wo-nobody"]}, "DEFINITION_UNKNOWN"),
        ({"name": "wo-x", "tasks": 7}, "BAD_REQUEST"),
        ({"name": "wo-x", "tasks": [{"step": "a"}]}, "BAD_REQUEST"),
        ({"name": "wo-x", "tasks": ["wo-pay"], "retry": {"max_attempts": 0}}, "BAD_REQUEST"),
        ({"name": "wo-x", "tasks": ["wo-pay"], "retry": {"tries": 1}}, "BAD_REQUEST"),
        ({"name": "wo-x", "application": "wo-shop"}, "BAD_REQUEST"),
        ({"name": "wo-x", "tasks": ["wo-pay"], "retry": {"backoff": {"base_ms": -1}}}, "BAD_SPEC"),
    ],
)
def test_a_wrong_definition_is_refused(served: Served, body: Any, code: str) -> None:
    assert served.refused("PUT", WORKFLOWS, body)[1] == code


def test_what_is_not_there_is_refused(served: Served) -> None:
    nobody = served.refused("PUT", "/v1/applications/wo-nobody/workflows", {"name": "wo-x"})
    assert nobody[:2] == (404, "APPLICATION_UNKNOWN")
    assert served.refused("PUT", "/v1/applications/Wo_/workflows", {})[1] == "BAD_NAME"
    runs = WORKFLOWS + "/wo-unknown/runs"
    assert served.refused("POST", runs, {})[1] == "SPEC_UNKNOWN"
    wrong: tuple[Any, ...] = (
        {"version": "newest"},
        {"context": []},
        {"context": None},
        {"contexts": {}},
    )
    for body in wrong:
        assert served.refused("POST", runs, body)[1] == "BAD_REQUEST"
    assert served.refused("PUT", WORKFLOWS + "?wait=some", {"name": "wo-x"})[1] == "BAD_REQUEST"
