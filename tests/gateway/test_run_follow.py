"""A search that is followed: runs are told as they come to be found, change, and are left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from penstock.core.state.run import WfRun
from penstock.gateway import render
from penstock.gateway.run_changes import CHANGED_MAX
from tests.controls import chain, event
from tests.gateway.served import Served
from tests.gateway.test_streams import told

TENANT = "follows"


@pytest.fixture(scope="module", autouse=True)
def _registered(served: Served) -> None:
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "rf-go"}, tenant=TENANT)
    spec = {"name": "rf-run", "spec": chain(event("rf-go"))}
    served.good("PUT", "/v1/wf-specs?wait=all", spec, tenant=TENANT)


@contextmanager
def following(served: Served, query: str) -> Iterator[Iterator[tuple[str, Any]]]:
    """What is told of a search, behind its beginning."""
    path, headers = f"/v1/changes/wf-runs/follow?{query}", {"Penstock-Tenant": TENANT}
    with served.http.stream("GET", path, headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = told(stream.iter_lines())
        name, data = next(events)
        assert name == "begin" and len(data["positions"]) == served.made.log.partitions
        yield events


def start(served: Served, **fields: Any) -> str:
    body = {"wf_spec": "rf-run", **fields}
    return served.good("POST", "/v1/wf-runs", body, tenant=TENANT)["wf_run_id"]


def act(served: Served, wf_run_id: str, action: str) -> None:
    served.good("POST", f"/v1/wf-runs/{wf_run_id}/actions/{action}", {}, tenant=TENANT)


def test_runs_are_told_as_they_come_and_leave(served: Served) -> None:
    before = start(served, labels={"of": "mine"})
    with following(served, "status=RUNNING&label=of:mine") as events:
        start(served, labels={"of": "another"})
        wf_run_id = start(served, labels={"of": "mine"})
        name, shown = next(events)
        assert (name, shown["wf_run_id"], shown["status"]) == ("run", wf_run_id, "RUNNING")
        listed = served.good("GET", "/v1/wf-runs?label=of:mine&status=RUNNING", tenant=TENANT)
        assert shown in listed["items"]
        act(served, wf_run_id, "stop")
        assert next(events) == ("left", {"wf_run_id": wf_run_id})
        act(served, wf_run_id, "resume")
        assert next(events)[1]["wf_run_id"] == wf_run_id
        act(served, before, "kill")
        assert next(events) == ("left", {"wf_run_id": before})


def test_a_run_that_is_deleted_is_left(served: Served) -> None:
    with following(served, "q=rf-gone") as events:
        wf_run_id = start(served, wf_run_id="rf-gone")
        assert next(events)[1]["status"] == "RUNNING"
        act(served, wf_run_id, "kill")
        name, shown = next(events)
        while shown["status"] != "ERROR":
            name, shown = next(events)
        assert name == "run"
        act(served, wf_run_id, "delete")
        assert next(events) == ("left", {"wf_run_id": wf_run_id})


def test_another_tenant_s_runs_are_not_told(served: Served) -> None:
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "rf-go"})
    spec = {"name": "rf-run", "spec": chain(event("rf-go"))}
    served.good("PUT", "/v1/wf-specs?wait=all", spec)
    with following(served, "") as events:
        served.run("rf-run")
        mine = start(served)
        assert next(events)[1]["wf_run_id"] == mine


def test_who_has_missed_something_is_told_to_look_again(served: Served) -> None:
    changes = served.made.app.state.gateway.run_changes
    with following(served, "wf_spec=rf-run") as events:
        keys = [WfRun.key(TENANT, f"many{n}") for n in range(CHANGED_MAX + 1)]
        changes.written(0, dict.fromkeys(keys))
        assert next(events)[0] == "begin"
        mine = start(served)
        assert next(events)[1]["wf_run_id"] == mine


def test_followers_share_what_is_read_and_are_told_of_every_change(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each by its own filter and view; whoever was slower is told of what is newer, not of less."""
    encoded: list[str] = []
    head = render.wf_run_head

    def counted(run: WfRun) -> Any:
        encoded.append(run.wf_run_id)
        return head(run)

    monkeypatch.setattr(render, "wf_run_head", counted)
    queries = ("q=rf-shared", "q=rf-shared&status=RUNNING", "q=rf-shared&view=wundaflow")
    with ExitStack() as stack:
        first, running, viewed = (stack.enter_context(following(served, one)) for one in queries)
        others = [stack.enter_context(following(served, "q=rf-shared")) for _ in range(5)]
        wf_run_id = start(served, wf_run_id="rf-shared")
        for events in (first, *others):
            assert next(events)[1]["status"] == "RUNNING"
        assert encoded.count(wf_run_id) == 1
        assert next(running)[1]["wf_run_id"] == wf_run_id
        assert next(viewed)[1]["id"] == f"flow_{wf_run_id}"
        for action in ("stop", "resume", "stop"):
            act(served, wf_run_id, action)
            status = "HALTED" if action == "stop" else "RUNNING"
            for events in (first, *others):
                while next(events)[1]["status"] != status:
                    pass
            assert next(running)[0] == ("left" if action == "stop" else "run")
            assert next(viewed)[0] == "run"


def test_a_view_is_followed_too(served: Served) -> None:
    with following(served, "wf_spec=rf-run&view=kestra") as events:
        wf_run_id = start(served)
        name, shown = next(events)
        assert (name, shown["id"], shown["flowId"]) == ("run", wf_run_id, "rf-run")


@pytest.mark.parametrize("query", ["status=LATE", "variable=a:b", "limit=1", "label=x"])
def test_what_can_not_be_followed_is_refused(served: Served, query: str) -> None:
    assert served.refused("GET", f"/v1/changes/wf-runs/follow?{query}")[0] == 400
