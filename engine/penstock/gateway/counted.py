"""Counts every request by the route that answered it, not by the path that was asked for: labels
are as many as there are routes.
"""

from __future__ import annotations

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.gateway.web import ROUTE_PATH
from penstock.observe.tally import HttpTally
from penstock.observe.tracing import TRACEPARENT, note, passing, sound, spanning

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE: Final = "none"
NO_METHOD: Final = "other"
UNANSWERED: Final = 499  # the client went away, or the server stopped, before there was an answer


class Counted:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, tally: HttpTally) -> None:
        self._app = app
        self._tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and count."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun_s, status = time.perf_counter(), UNANSWERED

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        method = scope["method"] if scope["method"] in METHODS else NO_METHOD
        self._tally.in_flight += 1
        parent = sound(dict(scope["headers"]).get(TRACEPARENT.encode()))
        try:
            with spanning(f"HTTP {method}", parent, "SERVER", {}) as trace:
                passing.set(trace)
                await self._app(scope, receive, noting)
                route = scope.get(ROUTE_PATH, NO_ROUTE)
                note({"http.route": route, "http.response.status_code": status})
        except Exception:
            status = 500  # which is answered further out
            raise
        finally:
            self._tally.in_flight -= 1
            route = scope.get(ROUTE_PATH, NO_ROUTE)
            self._tally.ended(method, route, status, time.perf_counter() - begun_s)
