"""A worker over HTTP, and what stands between it and the server: whatever that answers, and however
long, the worker goes on, and what it has done is told.
"""

from __future__ import annotations

import time
from threading import Event

import pytest

from penstock import Client, TaskContext, Worker, task, workflow
from penstock.sdk.http_source import HttpSource
from tests.sdk.front import Said, standing_before

pytestmark = pytest.mark.timeout(180)
COME_S = 60.0
HOUR_S = 3_600.0

STRANGE = (
    Said(503, b'{"error":"upstream unavailable"}'),
    Said(502, b"<html>Bad Gateway</html>", ("Content-Type", "text/html")),
    Said(200, b'{"ok":true}'),
    Said(200),
    Said(0),
    Said(302, b"", ("Location", "http://127.0.0.1:1/login")),
    Said(404, b'{"tasks":7,"items":[1],"error":{}}'),
    Said(200, b'{"tasks":[{}],"items":[{}],"stop":1}'),
    Said(200, b"garbage", ("Content-Encoding", "gzip")),
    Said(500, b"[]"),
)

BEGUN, GOES_ON = Event(), Event()


@task
def st_double(x: int) -> int:
    return 2 * x


@task(timeout=150)
def st_held(ctx: TaskContext) -> int:
    BEGUN.set()
    while not GOES_ON.wait(0.05):
        ctx.heartbeat()
    return ctx.attempt


@workflow
def st_simple(x: int) -> int:
    return st_double(x)


@workflow
def st_holding() -> int:
    return st_held()


@pytest.fixture(autouse=True)
def _anew() -> None:
    BEGUN.clear()
    GOES_ON.clear()


def wait_until(holds: object) -> None:
    assert callable(holds)
    deadline = time.monotonic() + COME_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_worker_goes_on_whatever_it_is_answered(client: Client, server: str) -> None:
    """Its polls, its questions, its heartbeats and its report are each told all of it."""
    client.register(st_simple, st_holding)
    with standing_before(server) as front, Worker(st_simple, st_holding, url=front.url):
        held = client.run(st_holding)
        assert BEGUN.wait(COME_S)
        front.says = STRANGE
        for part in ("poll", "stops", "heartbeat"):
            wait_until(lambda part=part: front.told[part] >= len(STRANGE))
        GOES_ON.set()
        wait_until(lambda: front.told["report"] >= len(STRANGE))
        front.says = ()
        assert held.result(timeout=COME_S) == 1
        assert client.run(st_simple, x=4).result(timeout=COME_S) == 8


def test_a_result_is_told_however_long_the_server_is_away(
    client: Client,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client.register(st_simple, st_holding)
    with (
        standing_before(server) as front,
        Worker(st_simple, st_holding, url=front.url) as worker,
    ):
        held = client.run(st_holding)
        assert BEGUN.wait(COME_S)
        front.says = (Said(0),)
        GOES_ON.set()
        wait_until(lambda: front.told["report"] >= 2)
        assert worker._running is not None
        source = worker._running[0]
        assert isinstance(source, HttpSource)
        monkeypatch.setattr(source._loop, "time", lambda: time.monotonic() + HOUR_S)
        told = front.told["report"]
        wait_until(lambda: front.told["report"] >= told + 3)
        front.says = ()
        assert held.result(timeout=COME_S) == 1
        assert client.run(st_simple, x=4).result(timeout=COME_S) == 8
    assert "reports that wait for the server: 1 (UNREACHABLE" in caplog.text
    assert "no report waits any more" in caplog.text
