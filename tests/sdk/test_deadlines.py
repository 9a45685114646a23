"""Who waits for so long waits no longer, and hears that: whatever becomes of the server."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from penstock import AsyncClient, Client, NotFound, ResultTimeout, Unavailable
from penstock.gateway.serve import url_of
from tests.sdk import scripted as served
from tests.sdk.scripted import HALTED, Scripted

scripted = served.scripted
TIMEOUT_S = 0.3
SOON_S = 15.0
"""Sooner than the client gives up by itself, on a machine that has much else to do."""

WAITS: dict[str, Callable[[Client], object]] = {
    "result": lambda client: client.handle("a").result(timeout=TIMEOUT_S),
    "update": lambda client: client.handle("a").update("move", timeout=TIMEOUT_S),
    "follow_story": lambda client: list(client.handle("a").follow_story(timeout=TIMEOUT_S)),
    "bulk": lambda client: client.bulk.wait("a", timeout=TIMEOUT_S),
}


@pytest.fixture(params=["refuses", "silent"])
def away(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a server should be: nobody takes a connection, or somebody does and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if request.param == "refuses":
            listener.close()
            yield "http://127.0.0.1:9"
        else:
            yield url_of(listener)


@pytest.mark.parametrize("name", WAITS)
def test_no_longer_than_it_was_told(away: str, name: str) -> None:
    began_s = time.monotonic()
    with Client(away) as client, pytest.raises(ResultTimeout) as raised:
        WAITS[name](client)
    assert isinstance(raised.value.__cause__, Unavailable)
    assert time.monotonic() - began_s < SOON_S


def test_nor_if_it_is_awaited(away: str) -> None:
    async def asks() -> None:
        async with AsyncClient(away) as client:
            await client.handle("a").result(timeout=TIMEOUT_S)

    began_s = time.monotonic()
    with pytest.raises(ResultTimeout):
        asyncio.run(asks())
    assert time.monotonic() - began_s < SOON_S


def test_the_client_s_own_deadline_may_be_sooner() -> None:
    with (
        Client("http://127.0.0.1:9", deadline_s=0.1) as client,
        pytest.raises(Unavailable, match="UNREACHABLE"),
    ):
        client.handle("a").result(timeout=600)


def test_a_refusal_is_no_matter_of_time(scripted: Scripted) -> None:
    scripted.answers = [(404, {"error": {"code": "WF_RUN_UNKNOWN", "message": "no"}})]
    with Client(f"http://127.0.0.1:{scripted.server_port}") as client:
        for wait in WAITS.values():
            with pytest.raises(NotFound, match="WF_RUN_UNKNOWN"):
                wait(client)


def test_events_without_end_are_no_answer(scripted: Scripted) -> None:
    """Each look finds some, and none of them is it."""
    other = {
        "number": 0,
        "workflow_event_def": "update-answered",
        "def_number": 0,
        "content": "another one's",
        "thread": 0,
        "position": 1,
        "thrown_at": "2026-01-01T00:00:00.000Z",
    }
    thrown = {"items": [other], "truncated": False, "following": 1}
    scripted.answers = [(200, {**HALTED, **thrown, "status": "RUNNING", "guid": "g"})]
    with (
        Client(f"http://127.0.0.1:{scripted.server_port}") as client,
        pytest.raises(ResultTimeout, match="update 'move' of run a had not been answered"),
    ):
        client.handle("a").update("move", timeout=TIMEOUT_S)
    assert len(scripted.asked) > 3
