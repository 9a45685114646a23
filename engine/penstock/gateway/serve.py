"""The HTTP server: its socket, its event loop, and uvicorn with the signals left to us."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Final

import uvicorn
from starlette.applications import Starlette

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


def url_of(listener: socket.socket) -> str:
    """Where clients on this machine find a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


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


def http_server(app: Starlette) -> HttpServer:
    """A server for an application. It writes no log of addresses, whatever handlers there are: one
    of a webhook has its key in it.
    """
    logging.getLogger("uvicorn.access").disabled = True
    return HttpServer(
        uvicorn.Config(
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
    )
