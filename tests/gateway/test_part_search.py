"""Node runs and events across runs, events under keys, and user tasks and definitions by more."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.contracts.answers import runs as shapes
from penstock.core.definitions.principals import Action
from tests.controls import chain, declared, event, user_task
from tests.gateway.keys import client_of, grant, guarded
from tests.gateway.served import Served, one_task

TENANT = "parts"


@pytest.fixture(scope="module", autouse=True)
def _registered(served: Served) -> None:
    def put(path: str, **body: Any) -> None:
        served.good("PUT", f"/v1/{path}?wait=all", body, tenant=TENANT)

    for name in ("ps-go", "ps-other"):
        put("external-event-defs", name=name, correlation={})
    put("workflow-event-defs", name="ps-told")
    put("user-task-defs", name="ps-form")
    for name in ("ps-work", "ps-worker", "else"):
        put("task-defs", name=name)
    throws = {"type": "THROW_EVENT", "workflow_event_def": "ps-told"}
    put("wf-specs", name="ps-run", spec=chain(throws, event("ps-go")))
    put("wf-specs", name="ps-asks", spec=chain(user_task("ps-form", user="ada")))
    put("wf-specs", **one_task("ps-works", "ps-work"))
    found = (declared("who", "STR", searchable=True),)
    put("wf-specs", name="ps-find", spec=chain(event("ps-go"), variables=found))


def start(served: Served, wf_spec: str, **fields: Any) -> str:
    body = {"wf_spec": wf_spec, **fields}
    return served.good("POST", "/v1/wf-runs", body, tenant=TENANT)["wf_run_id"]


def found(served: Served, path: str, **asked: Any) -> list[Any]:
    """All pages of a search, two items each."""
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    items: list[Any] = []
    answer = served.good("GET", f"/v1/{path}?limit=2&{query}", tenant=TENANT)
    while True:
        items += answer["items"]
        if answer["cursor"] is None:
            return items
        more = f"/v1/{path}?limit=2&{query}&cursor={answer['cursor']}"
        answer = served.good("GET", more, tenant=TENANT)


def put_event(served: Served, wf_run_id: str, name: str, **fields: Any) -> None:
    body = {"wf_run_id": wf_run_id, "event_def": name, **fields}
    served.good("POST", "/v1/external-events", body, tenant=TENANT)


def test_node_runs_are_found_across_runs(served: Served) -> None:
    ids = {start(served, "ps-run", labels={"of": "nodes"}) for _ in range(3)}
    waiting = found(served, "node-runs", label="of:nodes", type="EXTERNAL_EVENT", status="RUNNING")
    assert {one["wf_run_id"] for one in waiting} == ids and len(waiting) == 3
    by_event = found(served, "node-runs", label="of:nodes", event_def="ps-go")
    assert by_event == waiting
    assert found(served, "node-runs", label="of:nodes", event_def="ps-other") == []
    [some] = {one["node"] for one in waiting}
    by_node = found(served, "node-runs", label="of:nodes", node=some)
    assert by_node == waiting
    moments = [one["history"][0]["at"] for one in waiting]
    assert moments == sorted(moments, reverse=True)
    assert found(served, "node-runs", label="of:nodes", started_before=min(moments)) != waiting
    after = found(served, "node-runs", label="of:nodes", node=some, started_after=max(moments))
    assert len(after) < 3 or min(moments) == max(moments)
    alone = served.good("GET", f"/v1/wf-runs/{waiting[0]['wf_run_id']}/node-runs", tenant=TENANT)
    shown = {name: value for name, value in waiting[0].items() if name != "wf_run_id"}
    assert shown in alone["items"]


def test_events_are_found_across_runs(served: Served) -> None:
    first, second = (start(served, "ps-run", labels={"of": "events"}) for _ in range(2))
    put_event(served, first, "ps-go", content=1)
    put_event(served, second, "ps-other", content=2)
    mine = {"label": "of:events"}
    assert {one["wf_run_id"] for one in found(served, "external-events", **mine)} == {first, second}
    [go] = found(served, "external-events", event_def="ps-go", **mine)
    assert (go["wf_run_id"], go["content"]) == (first, 1)
    assert found(served, "external-events", claimed="true", **mine) == [go]
    [other] = found(served, "external-events", claimed="false", **mine)
    assert other["wf_run_id"] == second
    thrown = found(served, "workflow-events", event_def="ps-told", **mine)
    assert {one["wf_run_id"] for one in thrown} == {first, second}
    assert found(served, "workflow-events", event_def="none", **mine) == []
    wrong = "/v1/external-events?claimed=perhaps"
    assert served.refused("GET", wrong, tenant=TENANT)[:2] == (400, "BAD_REQUEST")


def test_events_under_keys_are_listed(served: Served) -> None:
    for key in ("one", "two", "three"):
        body = {"event_def": "ps-other", "key": key, "content": key}
        served.good("POST", "/v1/correlated-events", body, tenant=TENANT)
    listed = found(served, "correlated-events", event_def="ps-other")
    assert {one["key"] for one in listed} == {"one", "two", "three"}
    assert found(served, "correlated-events", event_def="ps-go") == []
    assert len(found(served, "correlated-events")) == 3
    newest = max(one["put_at"] for one in listed)
    later = found(served, "correlated-events", started_after=newest)
    assert {one["put_at"] for one in later} == {newest}
    assert newest not in {
        one["put_at"] for one in found(served, "correlated-events", started_before=newest)
    }


def test_user_tasks_are_found_by_time_and_several_statuses(served: Served) -> None:
    ids = {start(served, "ps-asks") for _ in range(3)}
    listed = found(served, "user-task-runs", status="ASSIGNED", user_id="ada")
    assert {one["wf_run_id"] for one in listed} == ids
    both = "ASSIGNED&status=DONE"
    assert {one["wf_run_id"] for one in found(served, "user-task-runs", status=both)} == ids
    assert found(served, "user-task-runs", status="DONE") == []
    times = sorted(one["scheduled_at"] for one in listed)
    early = found(served, "user-task-runs", started_before=times[-1], user_task_def="ps-form")
    late = found(served, "user-task-runs", started_after=times[-1])
    assert {one["wf_run_id"] for one in early} | {one["wf_run_id"] for one in late} == ids
    assert {one["scheduled_at"] for one in late} == {times[-1]}


def test_runs_are_found_by_a_variable_and_more(served: Served) -> None:
    runs = [start(served, "ps-find", variables={"who": "ada"}, labels={"n": str(n)}) for n in "12"]
    served.good("POST", f"/v1/wf-runs/{runs[0]}/actions/stop", {}, tenant=TENANT)
    by_value = {"wf_spec": "ps-find", "variable": "who:ada"}
    assert {one["wf_run_id"] for one in found(served, "wf-runs", **by_value)} == set(runs)
    for more, wanted in (
        ({"status": "HALTED"}, runs[:1]),
        ({"status": "RUNNING", "started_after": "2020-01-01T00:00:00Z"}, runs[1:]),
        ({"started_before": "2020-01-01T00:00:00Z"}, []),
        ({"label": "n:1"}, runs[:1]),
    ):
        asked = {**by_value, **more}
        assert [one["wf_run_id"] for one in found(served, "wf-runs", **asked)] == wanted, more


def test_definitions_are_listed_by_how_their_names_begin(served: Served) -> None:
    def names(path: str, **asked: str) -> list[str]:
        return [one["name"] for one in found(served, path, **asked)]

    assert names("task-defs", prefix="ps-work") == ["ps-work", "ps-worker"]
    assert names("task-defs", prefix="ps-worker") == ["ps-worker"]
    assert names("task-defs", prefix="none") == []
    assert names("external-event-defs", prefix="ps-") == ["ps-go", "ps-other"]
    assert names("wf-specs", prefix="ps-a") == ["ps-asks"]
    assert names("wf-specs", task_def="ps-work") == ["ps-works"]
    assert names("wf-specs", task_def="ps-work", prefix="ps-a") == []


def test_nothing_is_told_of_runs_that_may_not_be_seen(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with guarded(tmp_path_factory.mktemp("parts")) as served:
        served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "go"}, tenant=TENANT)
        for name in ("seen", "hidden"):
            spec = {"name": name, "spec": chain(event("go"))}
            served.good("PUT", "/v1/wf-specs?wait=all", spec, tenant=TENANT)
            put_event(served, start(served, name), "go")
        reads = grant(TENANT, "WORKFLOW", Action.READ, "seen")
        with client_of(served, "sees", reads) as client:
            for path in ("/v1/node-runs", "/v1/external-events"):
                items = client.get(path).json()["items"]
                runs = {one["wf_run_id"] for one in items}
                assert len(runs) == 1, path
                [wf_run_id] = runs
                shown = client.get(f"/v1/wf-runs/{wf_run_id}").json()
                assert shown["wf_spec"] == "seen"
            assert client.get("/v1/correlated-events").status_code == 403


def test_what_is_found_is_what_a_run_shows_and_its_id() -> None:
    for found_shape, shape in (
        (shapes.NodeRunFound, shapes.NodeRunShown),
        (shapes.ExternalEventFound, shapes.ExternalEventShown),
        (shapes.WorkflowEventFound, shapes.WorkflowEventShown),
    ):
        assert {*found_shape.__struct_fields__} == {*shape.__struct_fields__, "wf_run_id"}
