"""Who follows is told as long as he may be: a stream ends, and says why, when its key is revoked or
has expired, and when the leave is taken away that it needs. It is looked at once a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.gateway import streams
from penstock.gateway.app import ROUTES
from penstock.gateway.sent_events import MEDIA
from penstock.gateway.web import ApiRoute
from tests.controls import chain, event
from tests.gateway.keys import client_of, everything, grant, guarded, put_key, put_principal
from tests.gateway.served import Served

TENANT = "streams"
STREAMS = (
    "/v1/changes/follow",
    "/v1/changes/wf-runs/follow?status=RUNNING",
    "/v1/wf-runs/followed/follow",
    "/v1/wf-runs/followed/logs/follow",
    "/v1/task-queues/st-task/follow",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with guarded(Path(tmp_path_factory.mktemp("streams"))) as made:
        made.good("PUT", "/v1/external-event-defs?wait=all", {"name": "st-go"}, tenant=TENANT)
        made.good("PUT", "/v1/task-defs?wait=all", {"name": "st-task"}, tenant=TENANT)
        for name in ("st-run", "other"):
            spec = {"name": name, "spec": chain(event("st-go"))}
            made.good("PUT", "/v1/wf-specs?wait=all", spec, tenant=TENANT)
        body = {"wf_spec": "st-run", "wf_run_id": "followed"}
        made.good("POST", "/v1/wf-runs", body, tenant=TENANT)
        yield made


def test_all_streams_are_tried_and_go_through_the_one_place() -> None:
    """What only hands on another node's stream needs not look itself: that node does."""
    paths = {
        one.path
        for one in ROUTES
        if isinstance(one, ApiRoute) and one.says is not None and one.says.media == MEDIA
    }
    parts = {"{wf_run_id}": "followed", "{task_def}": "st-task"}
    for part, name in parts.items():
        paths = {path.replace(part, name) for path in paths}
    assert paths == {path.partition("?")[0] for path in STREAMS}
    folder = Path(streams.__file__).parent
    made = {one.name for one in folder.rglob("*.py") if "return Stream(" in one.read_text()}
    assert made == {"streams.py", "forward.py"}
    named = {one.name for one in folder.rglob("*.py") if "StreamingResponse" in one.read_text()}
    assert named == {"open_streams.py"}, "which counts them"


def told(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """The events of a stream."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def end_of(stream: httpx.Response) -> str:
    """The code with which it ends; nothing comes behind that."""
    *_, (name, data) = told(stream.iter_lines())
    assert name == "error" and data["message"]
    return data["code"]


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_ends_when_its_key_is_revoked(served: Served, path: str) -> None:
    name = f"revoked{STREAMS.index(path)}"
    with (
        client_of(served, name, everything(TENANT)) as client,
        client.stream("GET", path) as stream,
    ):
        assert stream.status_code == 200
        served.good("DELETE", f"/v1/api-keys/{name}key00000")
        assert end_of(stream) == "UNAUTHENTICATED"


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_ends_when_the_leave_for_it_is_gone(served: Served, path: str) -> None:
    """And as if nothing were there, where names are granted and the run's is not any more."""
    name = f"denied{STREAMS.index(path)}"
    resource = "TASK" if "queues" in path else "WORKFLOW"
    with (
        client_of(served, name, grant(TENANT, resource, "READ")) as client,
        client.stream("GET", path) as stream,
    ):
        assert stream.status_code == 200
        put_principal(served, name, grant(TENANT, resource, "READ", "other"))
        if "changes" not in path:
            code = "PERMISSION_DENIED" if resource == "TASK" else "WF_RUN_UNKNOWN"
            assert end_of(stream) == code
            return
        events = told(stream.iter_lines())
        next(events)
        put_principal(served, name, grant(TENANT, "USER_TASK", "READ"))
        *_, (last, data) = events
        assert (last, data["code"]) == ("error", "PERMISSION_DENIED")


def test_a_stream_ends_when_its_key_has_expired(served: Served) -> None:
    put_principal(served, "expires", everything(TENANT))
    ends = datetime.now(UTC) + timedelta(seconds=2)
    expires_at = ends.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    key = put_key(served, "expires", "expireskey00", expires_at=expires_at)
    with served.with_key(key) as client, client.stream("GET", STREAMS[0]) as stream:
        assert stream.status_code == 200
        assert end_of(stream) == "UNAUTHENTICATED"
        assert datetime.now(UTC) >= ends


def test_a_stream_ends_when_its_tenant_is_another_s(served: Served) -> None:
    with (
        client_of(served, "moved", everything(TENANT)) as client,
        client.stream("GET", STREAMS[2]) as stream,
    ):
        put_principal(served, "moved", everything("elsewhere"))
        assert end_of(stream) == "PERMISSION_DENIED"


def test_a_stream_goes_on_with_other_leave_that_is_enough(served: Served) -> None:
    with (
        client_of(served, "stays", everything(TENANT)) as client,
        client.stream("GET", STREAMS[1]) as stream,
    ):
        events = told(stream.iter_lines())
        assert next(events)[0] == "begin"
        put_principal(served, "stays", grant(TENANT, "WORKFLOW", "READ", "st-*"))
        shown = {"wf_spec": ""}
        while shown["wf_spec"] != "st-run":  # it is looked at once a second who may see what
            made = served.good("POST", "/v1/wf-runs", {"wf_spec": "other"}, tenant=TENANT)
            served.good("POST", "/v1/wf-runs", {"wf_spec": "st-run"}, tenant=TENANT)
            name, shown = next(events)
            assert name == "run" and made["wf_run_id"]
        assert shown["status"] == "RUNNING"
