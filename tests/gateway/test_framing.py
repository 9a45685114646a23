"""A request ends at one place, or nowhere: with two lengths it could have another one within it."""

from __future__ import annotations

import socket

import pytest

from tests.gateway.served import Served
from tests.gateway.test_too_many_waits import connected

CHUNKED = "Transfer-Encoding: chunked"
HIDDEN = b"GET /v1/wf-runs/hidden HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def told(connection: socket.socket) -> bytes:
    """All that is answered, until the server closes."""
    answer = b""
    while piece := connection.recv(65_536):
        answer += piece
    return answer


@pytest.mark.parametrize(
    "lengths",
    [("Content-Length: 5", CHUNKED), (CHUNKED, "Content-Length: 5"), (CHUNKED, "content-length:0")],
)
@pytest.mark.parametrize(
    "path", ["/v1/task-defs", "/healthz", "/ui/", "/nowhere", "/v1/webhooks/w/secret"]
)
def test_two_lengths_are_refused(served: Served, path: str, lengths: tuple[str, ...]) -> None:
    """Wherever they go; and what comes after is taken for no request."""
    head = "\r\n".join((f"PUT {path} HTTP/1.1", "Host: 127.0.0.1", *lengths, "", ""))
    with connected(served) as one:
        one.settimeout(30.0)
        one.sendall(head.encode() + b"0\r\n\r\n" + HIDDEN)
        answer = told(one)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b'"code":"BAD_REQUEST"' in answer
    assert b"Transfer-Encoding: send one" in answer
    assert b"connection: close" in answer.lower()
    assert answer.count(b"HTTP/1.1 ") == 1, answer


def test_chunks_alone_are_taken(served: Served) -> None:
    """And the connection is kept."""
    body = b'{"name": "chunks"}'
    lines = "PUT /v1/task-defs HTTP/1.1", "Host: 127.0.0.1", CHUNKED, "", ""
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with connected(served) as one:
        one.settimeout(30.0)
        for _ in range(2):
            one.sendall("\r\n".join(lines).encode() + chunks)
            assert one.recv(65_536).startswith(b"HTTP/1.1 20")
