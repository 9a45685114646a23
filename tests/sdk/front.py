"""Stands before a server, as a proxy does, and answers in its place, or holds requests, when it is
told to.
"""

from __future__ import annotations

import select
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

FORWARDED = ("Penstock-Tenant", "Penstock-Command-Id", "Content-Type")


class Said(NamedTuple):
    """An answer that the server has not given; status 0 closes the connection without a word."""

    status: int
    body: bytes = b""
    header: tuple[str, str] = ("Content-Type", "application/json")


class Gate:
    """Holds so many requests, each until it is opened, or for a minute."""

    def __init__(self, most: int) -> None:
        self.held = 0
        self.opened = threading.Event()
        self._most = most
        self._lock = threading.Lock()

    def wait(self) -> None:
        """A request has come to it."""
        with self._lock:
            if self.held >= self._most:
                return
            self.held += 1
        self.opened.wait(60)


class Front(ThreadingHTTPServer):
    """While it `says` anything, each path is told all of that, one after the other, again and
    again; `told` counts how often, by the last part of the path. So do the `gates` stand.
    """

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.behind = urlsplit(behind).netloc
        self.says: tuple[Said, ...] = ()
        self.told: Counter[str] = Counter()
        self.gates: dict[str, Gate] = {}
        self._lock = threading.Lock()

    def next_for(self, path: str) -> Said | None:
        says, part = self.says, path.rsplit("/", 1)[-1]
        if not says:
            return None
        with self._lock:
            self.told[part] += 1
            return says[(self.told[part] - 1) % len(says)]


class _Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        gate = self.server.gates.get(self.path.rsplit("/", 1)[-1])
        if gate is not None:
            gate.wait()
        said = self.server.next_for(self.path)
        if said is None:
            said = self._forwarded(content)
        if said.status == 0:
            self.close_connection = True
            return
        self.send_response(said.status)
        self.send_header(*said.header)
        self.send_header("Content-Length", str(len(said.body)))
        self.end_headers()
        with suppress(OSError):  # who asked may have gone
            self.wfile.write(said.body)

    do_GET = do_POST = do_PUT = _answer

    def _forwarded(self, content: bytes) -> Said:
        """What the server says; nothing if who asks goes away before, which the server notices."""
        headers = {name: self.headers[name] for name in FORWARDED if name in self.headers}
        with closing(HTTPConnection(self.server.behind, timeout=60)) as there:
            there.request(self.command, self.path, content, headers)
            ready, _, _ = select.select([self.connection, there.sock], [], [], 60)
            if there.sock not in ready:
                return Said(0)
            answer = there.getresponse()
            return Said(answer.status, answer.read())

    def log_message(self, format: str, *args: Any) -> None: ...


@contextmanager
def standing_before(url: str) -> Iterator[Front]:
    front = Front(url)
    thread = threading.Thread(target=front.serve_forever, daemon=True)
    thread.start()
    try:
        yield front
    finally:
        front.shutdown()
        front.server_close()
