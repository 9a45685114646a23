"""The HTTP server: its socket, its event loop, and uvicorn with the signals left to us."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Final

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from penstock.config import CONNECTIONS_MAX_DEFAULT, Tls

HEAD_S: Final = 20.0
"""For the head of a request. The time that uvicorn keeps an idle connection begins with an answer:
one on which nothing was ever asked would be kept for ever.
"""
BODY_S: Final = 35.0
"""From there on for its body: who reads bodies waits less (json_in.py), and answers. Where nobody
does, the connection is closed.
"""
DRAIN_S: Final = 3  # with the notice and the last batch: within 5 seconds


def listen(host: str, ports: Sequence[int]) -> socket.socket:
    """A socket that listens on the first of these ports that can be had; raises OSError."""
    for port in ports:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(2048)
            return listener
        except OSError:
            listener.close()
            if port == ports[-1]:
                raise
    raise ValueError("no port is given")


def url_of(listener: socket.socket, *, tls: bool = False) -> str:
    """Where clients on this machine find a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


def _files_max() -> int:
    """How many files this process may have open, connections among them."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes event loops: uvloop's, where there is one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


class HttpServer(uvicorn.Server):
    """Uvicorn, with the signals left to us: the processor is stopped after the last request, not
    killed.
    """

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take no signal."""
        yield


class BoundedHttp(H11Protocol):
    """A connection that holds its place only for who uses it: the head of a request must come soon,
    the first one as well as those after it, its body must, too, and one beyond the bound is closed
    at once.
    """

    _head_due: asyncio.TimerHandle | None = None
    _body_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Wait for a request, not for long."""
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            # Before uvicorn would answer with its own 503, and keep it.
            transport.close()
            return
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Whoever sends a head, or a body, bit by bit has no longer for it."""
        super().data_received(data)
        self._wait_for_body(self.conn.their_state is h11.SEND_BODY)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self.timeout_keep_alive_task is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._stop_waiting()
        self._wait_for_body(False)
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._head_due is None:
            self._head_due = self.loop.call_later(HEAD_S, self.timeout_keep_alive_handler)

    def _wait_for_body(self, is_coming: bool) -> None:
        if is_coming and self._body_due is None:
            self._body_due = self.loop.call_later(BODY_S, self.transport.close)
        elif not is_coming and self._body_due is not None:
            self._body_due.cancel()
            self._body_due = None

    def _stop_waiting(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None


def http_server(
    app: Starlette, tls: Tls | None = None, connections_max: int = CONNECTIONS_MAX_DEFAULT
) -> HttpServer:
    """A server for an application, with TLS if there is a certificate. It writes no log of
    addresses, whatever handlers there are: one of a webhook has its key in it. Raises OSError for
    certificates that can not be read.
    """
    logging.getLogger("uvicorn.access").disabled = True
    config = _config(app, connections_max)
    if tls is not None and tls.cert is not None:
        config.load()
        config.ssl = server_context(tls)
    return HttpServer(config)


def server_context(tls: Tls) -> ssl.SSLContext:
    """What a listener shows, and of whom it wants a certificate."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    assert tls.cert is not None, "there is a certificate"
    made.load_cert_chain(tls.cert, tls.key)
    if tls.client_ca is not None:
        made.load_verify_locations(tls.client_ca)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def _config(app: Starlette, connections_max: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedHttp,
        limit_concurrency=min(connections_max, _files_max() * 3 // 4) + 1,  # the one that is closed
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN_S,
    )
