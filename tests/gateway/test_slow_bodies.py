"""Who sends a body bit by bit holds neither a request nor a connection for long."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from penstock.gateway import json_in, serve
from tests.gateway.served import START_S, Served, serving
from tests.gateway.test_too_many_waits import connected

pytestmark = pytest.mark.timeout(90)


def head(method: str, path: str) -> bytes:
    """The head of a request with a body that is longer than it ever comes."""
    lines = (
        *(f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"),
        *("Content-Type: application/json", "Content-Length: 100000"),
    )
    return "\r\n".join((*lines, "", "")).encode()


def told_until_closed(connection: socket.socket) -> bytes:
    """All that is answered to who goes on with his body, until the server closes."""
    connection.settimeout(0.05)
    told, deadline = b"", time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            connection.sendall(b" ")
            piece = connection.recv(65_536)
        except TimeoutError:
            continue
        except OSError:
            return told
        if not piece:
            return told
        told += piece
    raise AssertionError(f"it is kept, after {told!r}")


@pytest.fixture
def hurried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_in, "BODY_S", 0.4)
    monkeypatch.setattr(serve, "BODY_S", 1.2)


@pytest.mark.parametrize("path", ["/v1/wf-runs", "/v1/task-queues/t/poll", "/v1/webhooks/w/secret"])
@pytest.mark.usefixtures("hurried")
def test_a_body_that_does_not_come_is_answered_in_time(tmp_path: Path, path: str) -> None:
    with serving(tmp_path / "data") as served:
        if "webhooks" in path:
            path = a_webhook(served)
        with connected(served) as slow:
            slow.sendall(head("POST", path) + b"{")
            answer = told_until_closed(slow)
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert b'"code":"BODY_TIMEOUT"' in answer
        assert served.call("GET", "/healthz").status_code == 200


def a_webhook(served: Served) -> str:
    """The path of one that takes what comes."""
    nodes = {"a": {"type": "ENTRYPOINT", "edges": [{"to": "z"}]}, "z": {"type": "EXIT"}}
    spec = {"entrypoint": "main", "threads": {"main": {"nodes": nodes}}}
    served.good("PUT", "/v1/wf-specs?wait=all", {"name": "slow", "spec": spec})
    served.good("PUT", "/v1/webhooks?wait=all", {"name": "w", "wf_spec": "slow", "key": "k" * 20})
    return f"/v1/webhooks/w/{'k' * 20}"


@pytest.mark.usefixtures("hurried")
def test_a_body_that_nobody_wants_holds_no_connection(tmp_path: Path) -> None:
    """The answer comes before it; who sends on is cut off."""
    with serving(tmp_path / "data") as served, connected(served) as slow:
        slow.sendall(head("GET", "/healthz") + b"{")
        answer = told_until_closed(slow)
    assert answer.startswith(b"HTTP/1.1 200 "), answer


@pytest.mark.usefixtures("hurried")
def test_a_body_that_comes_in_pieces_is_taken(tmp_path: Path) -> None:
    """And the connection is good for the next request, for longer than a body may take."""
    with serving(tmp_path / "data") as served, connected(served) as kept:
        for _ in range(2):
            body = b'{"name": "pieces"}'
            lines = (
                "PUT /v1/task-defs HTTP/1.1",
                "Host: 127.0.0.1",
                f"Content-Length: {len(body)}",
            )
            kept.sendall("\r\n".join((*lines, "", "")).encode() + body[:5])
            time.sleep(0.1)
            kept.sendall(body[5:])
            assert kept.recv(65_536).startswith(b"HTTP/1.1 20")
            time.sleep(1.5)
