"""What a tenant has other nodes be slow with keeps nobody else's requests from going there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message

from penstock.core.ids import partition_of_run
from penstock.gateway import forward
from penstock.gateway.asked import Asked, asked_of
from penstock.gateway.auth import Security
from penstock.gateway.load import Limits
from penstock.gateway.serve import url_of
from tests.gateway.served import (
    PARTITIONS,
    START_S,
    Served,
    one_task,
    serving,
    shape_of_error,
    wait_until,
)
from tests.gateway.spare import Spare, spare_beside
from tests.gateway.test_too_many_waits import far, gateway_of

BRIEF = 4
EVIL = {"Penstock-Tenant": "evil"}


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """It owns all partitions; others have few connections to it."""
    monkeypatch.setattr(forward, "BRIEF_MAX", BRIEF)
    with serving(tmp_path / "owner", Limits(read_timeout_s=3.0)) as made:
        made.good("PUT", "/v1/tenants?wait=all", {"name": "evil"})
        made.a_task_def("apart")
        made.a_wf_spec("apart", "apart")
        yield made


def on(number: int) -> str:
    """A run's id on a partition."""
    return next(f"r{n}" for n in range(99) if partition_of_run(f"r{n}", PARTITIONS) == number)


@contextmanager
def beside_a_silent_node(
    owner: Served, directory: Path
) -> Iterator[tuple[socket.socket, Spare, httpx.Client]]:
    """A node beside the owner and one that takes connections, and says nothing."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        spare_beside(owner, directory, url_of(silent), owner.url, security=Security()) as spare,
        spare.with_key(None) as client,
    ):
        yield silent, spare, client


def asked_often(
    spare: Spare, others: ThreadPoolExecutor, path: str, tenant: str = "evil"
) -> list[Future[httpx.Response]]:
    """By another tenant: more often than there are connections."""

    def ask() -> httpx.Response:
        with spare.with_key(None) as client:
            return client.get(path, headers={"Penstock-Tenant": tenant})

    return [others.submit(ask) for _ in range(BRIEF + 1)]


def test_waits_for_a_position_take_no_connection_from_others(owner: Served, tmp_path: Path) -> None:
    run = owner.run("apart", wf_run_id=on(1))
    with (
        spare_beside(owner, tmp_path / "spare", security=Security()) as spare,
        spare.with_key(None) as client,
        ThreadPoolExecutor() as others,
    ):
        path = f"/v1/wf-runs/{run}?at_least={far(owner, run)}"
        answers = asked_often(spare, others, path)
        for gateway in (gateway_of(owner), spare.gateway):
            wait_until(lambda of=gateway.waits.of_tenants: of["evil"] == BRIEF + 1)
        assert client.get(f"/v1/wf-runs/{run}").status_code == 200
        assert {shape_of_error(one.result(START_S))[1] for one in answers} == {"POSITION_TIMEOUT"}


def test_a_node_that_drains_forwards_what_does_not_wait_long(owner: Served, tmp_path: Path) -> None:
    """With `at_least`, too: what waits for a run's end, and streams, are let go at once."""
    run = owner.run("apart", wf_run_id=on(1))
    reached = owner.call("GET", f"/v1/wf-runs/{run}").headers["Penstock-Position"]
    with (
        spare_beside(owner, tmp_path / "spare", security=Security()) as spare,
        spare.with_key(None) as client,
    ):
        spare.gateway.forwarder.close()
        assert client.get(f"/v1/wf-runs/{run}?at_least={reached}").status_code == 200
        refused = client.get(f"/v1/wf-runs/{run}?until=ended&wait_ms=5000")
        assert shape_of_error(refused)[:2] == (503, "UNAVAILABLE")


def test_a_stream_is_known_however_its_address_is_written(owner: Served, tmp_path: Path) -> None:
    """It has a connection of its own, and what only has a stream's name has none."""
    run, named = on(1), {"tenant": "evil"}
    owner.a_task_def("follow")
    owner.good("PUT", "/v1/task-defs?wait=all", {"name": "apart"}, **named)
    owner.good("PUT", "/v1/wf-specs?wait=all", one_task("apart", "apart"), **named)
    owner.good("POST", "/v1/wf-runs", {"wf_spec": "apart", "wf_run_id": run}, **named)
    with (
        spare_beside(owner, tmp_path / "spare", security=Security()) as spare,
        spare.with_key(None) as client,
        ExitStack() as stack,
    ):
        for last in ("follow", "follo%77", "%66ollow", "logs/follo%77"):
            for _ in range(BRIEF):
                asked = client.stream("GET", f"/v1/wf-runs/{run}/{last}", headers=EVIL)
                assert stack.enter_context(asked).status_code == 200, last
        assert client.get(f"/v1/wf-runs/{run}").status_code == 404, "of this tenant there is none"
        spare.gateway.streams.of_tenants["default"] = spare.gateway.limits.tenant_streams_max
        refused = client.get(f"/v1/wf-runs/{run}/follo%77")
        assert shape_of_error(refused)[:2] == (429, "TOO_MANY_STREAMS")
        assert client.get("/v1/task-defs/follow").status_code == 200


def test_a_tenant_has_a_part_of_the_connections(owner: Served, tmp_path: Path) -> None:
    """Whatever keeps it: here a node that is silent."""
    run = owner.run("apart", wf_run_id=on(1))
    with (
        beside_a_silent_node(owner, tmp_path / "spare") as (silent, spare, client),
        ThreadPoolExecutor() as others,
    ):
        answers = asked_often(spare, others, f"/v1/wf-runs/{on(0)}")
        first = next(one for one in _ended(answers) if one.status_code == 429)
        assert shape_of_error(first)[1] == "OVERLOADED"
        assert "of the tenant" in first.json()["error"]["message"]
        assert client.get(f"/v1/wf-runs/{run}").status_code == 200
        silent.close()
        told = [shape_of_error(one.result(START_S))[:2] for one in answers]
        assert set(told) == {(429, "OVERLOADED"), (503, "UNREACHED")}


def test_two_tenants_leave_some_to_others(owner: Served, tmp_path: Path) -> None:
    """Though together they ask more often than there are connections."""
    run = owner.run("apart", wf_run_id=on(1))
    with (
        beside_a_silent_node(owner, tmp_path / "spare") as (silent, spare, client),
        ThreadPoolExecutor(2 * (BRIEF + 1)) as others,
    ):
        path = f"/v1/wf-runs/{on(0)}"
        asked = [asked_often(spare, others, path, tenant) for tenant in ("evil", "worse")]
        for answers in asked:
            assert next(_ended(answers)).status_code == 429
        assert client.get(f"/v1/wf-runs/{run}").status_code == 200
        silent.close()
        told = {shape_of_error(one.result(START_S))[:2] for answers in asked for one in answers}
        assert told == {(429, "OVERLOADED"), (503, "UNREACHED")}


def _ended(answers: list[Future[httpx.Response]]) -> Iterator[httpx.Response]:
    """The first that have an answer."""
    wait_until(lambda: any(one.done() for one in answers))
    return (one.result() for one in answers if one.done())


@pytest.mark.parametrize(
    ("query", "waits"),
    [
        (b"", False),
        (b"brief=true", False),
        (b"wait_ms=0", False),
        (b"label=x:at_least=1", False),
        (b"wait_ms=1", True),
        (b"wait=all", True),
        (b"brief=true&at_least=1:2", True),
        (b"at%5fleast=1:2", True),
    ],
)
def test_who_may_wait_there_is_known_however_it_is_written(query: bytes, waits: bool) -> None:
    asked = asyncio.run(asked_by(query_string=query))
    assert (asked.waits, asked.is_live) == (waits, waits)


async def asked_by(**scope: Any) -> Asked:
    """A request as it would go on."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    made: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": [], **scope}
    return await asked_of(Request(made, receive))
