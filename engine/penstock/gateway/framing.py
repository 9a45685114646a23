"""Where a request ends. One that says both how long its body is and that it comes in chunks ends at
two places: what stands between a client and this server may take the other one, and what is left
over for the next request, somebody else's.

Such a request is refused, and its connection is closed (RFC 9112, 6.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.gateway.errors import ApiError, EdgeCode

LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})


class OneLength:
    """An ASGI application around another, which gets only what has one length; `refused` answers
    all else.
    """

    def __init__(self, app: ASGIApp, refused: Callable[[ApiError], ASGIApp]) -> None:
        self._app = app
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        app = self._app
        if scope["type"] == "http" and LENGTHS.issubset(name for name, _ in scope["headers"]):
            app = self._refused(
                ApiError(
                    EdgeCode.BAD_REQUEST,
                    "the request has both Content-Length and Transfer-Encoding: send one of them",
                    headers={"Connection": "close"},
                )
            )
        await app(scope, receive, send)
