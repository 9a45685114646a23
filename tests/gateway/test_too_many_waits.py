"""A tenant, and all together, wait with so many requests at a server, search with so many, and hold
so many connections; whoever has none of these to spare for others is turned away.
"""

from __future__ import annotations

import asyncio
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import httpx
import pytest

from penstock.gateway import serve
from penstock.gateway.at_once import SEARCHES_AT_WORK, Searches
from penstock.gateway.errors import ApiError
from penstock.gateway.load import Limits
from penstock.gateway.routes import events
from penstock.gateway.routes.events import Thrown
from penstock.gateway.web import Gateway
from tests.controls import chain, event, throws_event
from tests.gateway.served import START_S, Served, serving, shape_of_error, wait_until

ENDS = "/v1/wf-runs/{}?until=ended&wait_ms=20000"


def gateway_of(served: Served) -> Gateway:
    """Its parts."""
    return served.made.app.state.gateway


def a_run_that_waits(served: Served, wf_run_id: str, tenant: str = "default") -> None:
    """Until `go` comes."""
    named = {"tenant": tenant}
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "go"}, **named)
    spec = {"name": "waits", "spec": chain(event("go"))}
    served.good("PUT", "/v1/wf-specs?wait=all", spec, **named)
    body = {"wf_spec": "waits", "wf_run_id": wf_run_id}
    served.good("POST", "/v1/wf-runs", body, **named)


def go(served: Served, wf_run_id: str, tenant: str = "default") -> None:
    """Have it go on."""
    body = {"wf_run_id": wf_run_id, "event_def": "go"}
    served.good("POST", "/v1/external-events", body, tenant=tenant)


def test_waits_are_bounded_per_tenant_and_in_all(tmp_path: Path) -> None:
    limits = Limits(waits_max=3, tenant_waits_max=2)
    with serving(tmp_path, limits) as served, ThreadPoolExecutor() as others:
        counted = gateway_of(served).waits.of_tenants
        served.good("PUT", "/v1/tenants?wait=all", {"name": "other"})
        served.a_task_def("work")
        a_run_that_waits(served, "mine")
        a_run_that_waits(served, "theirs", "other")

        def wait(wf_run_id: str, tenant: str) -> Future[httpx.Response]:
            return others.submit(served.call, "GET", ENDS.format(wf_run_id), tenant=tenant)

        answers = [wait("mine", "default") for _ in range(2)]
        wait_until(lambda: counted["default"] == 2)
        refused = served.call("GET", ENDS.format("mine"))
        assert shape_of_error(refused)[:2] == (429, "TOO_MANY_WAITS")
        assert refused.headers["Retry-After"] == "5"
        assert "tenant" in refused.json()["error"]["message"]
        for method, path, body in (
            ("POST", "/v1/task-queues/work/poll", {"worker": "w", "wait_ms": 1}),
            ("GET", "/v1/wf-runs/mine/workflow-events?wait_ms=1", None),
            ("GET", f"/v1/wf-runs/mine?at_least={far(served, 'mine')}", None),
            ("PUT", "/v1/task-defs?wait=all", {"name": "work"}),
        ):
            assert served.refused(method, path, body)[:2] == (429, "TOO_MANY_WAITS"), path
        assert served.poll("work", wait_ms=0) == [], "which does not wait"
        assert served.good("GET", "/v1/wf-runs/mine?until=ended")["status"] == "RUNNING"
        answers.append(wait("theirs", "other"))
        wait_until(lambda: counted["other"] == 1)
        refused = served.call("GET", ENDS.format("theirs"), tenant="other")
        assert shape_of_error(refused)[:2] == (429, "TOO_MANY_WAITS")
        assert "tenant" not in refused.json()["error"]["message"]
        go(served, "mine")
        go(served, "theirs", "other")
        assert [one.result(START_S).json()["status"] for one in answers] == ["COMPLETED"] * 3
        wait_until(lambda: not counted)


def far(served: Served, wf_run_id: str) -> str:
    """A position that its partition has not come to."""
    position: str = served.call("GET", f"/v1/wf-runs/{wf_run_id}").headers["Penstock-Position"]
    return f"{position.partition(':')[0]}:1000000"


SEARCHES = (
    *("/v1/wf-runs", "/v1/wf-runs?order=newest", "/v1/task-runs", "/v1/task-runs/per-day"),
    *("/v1/node-runs", "/v1/external-events", "/v1/workflow-events", "/v1/correlated-events"),
    *("/v1/task-metrics", "/v1/task-metrics/per-bucket", "/v1/user-task-runs", "/v1/schedules"),
    *("/v1/webhook-deliveries", "/v1/counts/wf-runs", "/v1/counts/task-runs"),
    *("/v1/wf-runs/mine/logs", "/v1/wf-runs/mine/metrics", "/v1/wf-runs/mine/history"),
    *("/v1/wf-runs/mine/history?positions=true", "/v1/wf-runs/mine?at=2999-01-01T00:00:00Z"),
)


def test_searches_are_bounded_per_tenant_and_in_all(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(searches_max=1, tenant_searches_max=1)) as served:
        searches = gateway_of(served).searches
        a_run_that_waits(served, "mine")
        for path in SEARCHES:
            assert served.call("GET", path).status_code == 200, path
        assert not searches.of_tenants
        for tenant, told in (("default", "tenant"), ("another", "searches under way")):
            with searches.one_of(tenant):
                for path in SEARCHES:
                    refused = served.call("GET", path)
                    assert shape_of_error(refused)[:2] == (429, "TOO_MANY_SEARCHES"), path
                    assert refused.headers["Retry-After"] == "1"
                    assert told in refused.json()["error"]["message"]
                served.good("GET", "/v1/wf-runs/mine")
                served.good("POST", "/v1/tasks/stops", {"attempts": []})
        assert not searches.of_tenants


def test_few_searches_are_at_work_and_the_others_wait_for_their_turn() -> None:
    searches, lock = Searches(most=20, tenant_most=12), Lock()
    at_work, most = 0, 0

    def search(number: int) -> int:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.01)
        with lock:
            at_work -= 1
        return number

    async def all_of_them() -> list[int]:
        asked = [asyncio.ensure_future(searches.do("t", search, one)) for one in range(12)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="TOO_MANY_SEARCHES"):
            await searches.do("t", search, 13)
        return await asyncio.gather(*asked)

    assert asyncio.run(all_of_them()) == list(range(12))
    assert most <= SEARCHES_AT_WORK
    assert not searches.of_tenants


def test_no_event_is_looked_at_twice_and_none_on_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, and however often the run is written while somebody waits."""
    looks: list[tuple[int, bool]] = []
    look = Thrown.look

    def noted(self: Thrown, view: Any) -> None:
        begins = self.next
        look(self, view)
        looks.append((begins, is_on_a_loop()))

    monkeypatch.setattr(Thrown, "look", noted)
    with serving(tmp_path) as served, ThreadPoolExecutor() as others:
        for name in ("told", "wanted"):
            served.good("PUT", "/v1/workflow-event-defs?wait=all", {"name": name})
        served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "go"})
        told = [throws_event("told") for _ in range(5)]
        spec = chain(*told, event("go"), throws_event("told"), event("go"), throws_event("wanted"))
        served.good("PUT", "/v1/wf-specs?wait=all", {"name": "tells", "spec": spec})
        served.run("tells", wf_run_id="a")
        path = "/v1/wf-runs/a/workflow-events?def=wanted&wait_ms=20000"
        answer = others.submit(served.good, "GET", path)
        wait_until(lambda: len(looks) == 1)
        go(served, "a")
        wait_until(lambda: len(looks) == 2)
        go(served, "a")
        found = answer.result(START_S)
        assert ([one["number"] for one in found["items"]], found["following"]) == ([6], 7)
        assert looks == [(0, False), (5, False), (6, False)]

        monkeypatch.setattr(events, "EVENTS_PER_LOOK", 3)
        first = served.good("GET", path)
        assert (first["items"], first["truncated"], first["following"]) == ([], True, 3)
        second = served.good("GET", path + "&from=5")
        assert (len(second["items"]), second["truncated"], second["following"]) == (1, False, 7)


def is_on_a_loop() -> bool:
    """Whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def connected(served: Served) -> socket.socket:
    """A connection on which nothing was asked."""
    url = httpx.URL(served.url)
    return socket.create_connection((url.host, url.port), START_S)


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes it."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_who_asks_nothing_holds_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "HEAD_S", 0.3)
    with serving(tmp_path) as served:
        with connected(served) as silent, connected(served) as slow:
            slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
            assert is_closed(silent)
            assert is_closed(slow)
        with connected(served) as kept:
            for _ in range(2):
                kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert kept.recv(65_536).startswith(b"HTTP/1.1 200")
                time.sleep(0.5)  # longer than a head may take: it rests after an answer
            kept.sendall(b"GET /heal")
            while kept.recv(65_536):
                pass  # what is left of the answer, then the end
        a_run_that_waits(served, "long")
        assert (
            served.good("GET", "/v1/wf-runs/long?until=ended&wait_ms=1000")["status"] == "RUNNING"
        )


def test_one_connection_too_many_is_closed_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, connections_max=4) as served:
        kept = [connected(served) for _ in range(4)]
        try:
            with connected(served) as fifth:
                assert is_closed(fifth)
            kept.pop().close()
            wait_until(lambda: asks(served))
        finally:
            for one in kept:
                one.close()


def asks(served: Served) -> bool:
    """Whether a new connection is answered."""
    with connected(served) as one:
        try:
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return one.recv(12) == b"HTTP/1.1 200"
        except OSError:
            return False
