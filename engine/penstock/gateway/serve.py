"""The HTTP server: its socket, its event loop, and uvicorn with the signals left to us."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Final

import uvicorn
from starlette.applications import Starlette

from penstock.config import Tls

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


def http_server(app: Starlette, tls: Tls | None = None) -> HttpServer:
    """A server for an application, with TLS if there is a certificate. It writes no log of
    addresses, whatever handlers there are: one of a webhook has its key in it. Raises OSError for
    certificates that can not be read.
    """
    logging.getLogger("uvicorn.access").disabled = True
    config = _config(app)
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


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN_S,
    )
