"""A tenant, and all together, follow so many streams at a server and no more: each holds a
connection for as long as its client likes.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from penstock import Client, Unavailable
from penstock.gateway.load import Limits
from tests.controls import chain, event
from tests.gateway.served import Served, serving, shape_of_error, wait_until

LIMITS = Limits(streams_max=3, tenant_streams_max=2)
ALL, SEARCH = "/v1/changes/follow", "/v1/changes/wf-runs/follow"


def opened(stack: ExitStack, served: Served, path: str, tenant: str = "default") -> httpx.Response:
    """A stream of a tenant, until the stack ends; or the refusal."""
    asked = served.http.stream("GET", path, headers={"Penstock-Tenant": tenant})
    response = stack.enter_context(asked)
    if response.status_code != 200:
        response.read()
    return response


def test_streams_are_bounded_per_tenant_and_in_all(tmp_path: Path) -> None:
    with serving(tmp_path, LIMITS) as served, ExitStack() as stack:
        counted = served.made.app.state.gateway.streams.of_tenants
        served.good("PUT", "/v1/tenants?wait=all", {"name": "other"})
        mine = [opened(stack, served, path) for path in (ALL, SEARCH)]
        refused = opened(stack, served, ALL)
        assert shape_of_error(refused)[:2] == (429, "TOO_MANY_STREAMS")
        assert refused.headers["Retry-After"] == "10"
        assert "tenant" in refused.json()["error"]["message"]
        assert opened(stack, served, ALL, "other").status_code == 200
        refused = opened(stack, served, ALL, "other")
        assert shape_of_error(refused)[:2] == (429, "TOO_MANY_STREAMS")
        assert "tenant" not in refused.json()["error"]["message"]
        for one in mine:
            one.close()
        wait_until(lambda: dict(counted) == {"other": 1})
        assert opened(stack, served, SEARCH).status_code == 200


@pytest.mark.parametrize("path", [ALL, SEARCH, "/v1/wf-runs/a/follow", "/v1/wf-runs/a/logs/follow"])
def test_every_stream_counts_until_it_ends(tmp_path: Path, path: str) -> None:
    """By the will of the server, too."""
    with serving(tmp_path, Limits(streams_max=1)) as served:
        counted = served.made.app.state.gateway.streams.of_tenants
        served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "go"})
        spec = {"name": "waits", "spec": chain(event("go"))}
        served.good("PUT", "/v1/wf-specs?wait=all", spec)
        served.run("waits", wf_run_id="a")
        for _ in range(3):
            with served.http.stream("GET", path) as stream:
                assert stream.status_code == 200
                assert shape_of_error(served.http.get(ALL))[1] == "TOO_MANY_STREAMS"
            wait_until(lambda: not counted)
        ends = "/v1/wf-runs/a/logs/follow"
        served.good("POST", "/v1/external-events", {"wf_run_id": "a", "event_def": "go"})
        for _ in range(3):
            assert "event: end" in served.http.get(ends).text
            wait_until(lambda: not counted)


def test_what_is_refused_is_no_stream(tmp_path: Path) -> None:
    """And who may not have one hears that, whatever is open."""
    with serving(tmp_path, Limits(streams_max=0)) as served:
        assert served.refused("GET", "/v1/wf-runs/none/follow")[1] == "WF_RUN_UNKNOWN"
        assert served.refused("GET", SEARCH + "?status=NONE")[0] == 400
        with Client(served.url, deadline_s=0.1) as client, pytest.raises(Unavailable) as raised:
            next(client.follow_runs())
        assert (raised.value.code, raised.value.status) == ("TOO_MANY_STREAMS", 429)
