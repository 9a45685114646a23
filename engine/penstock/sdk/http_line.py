"""A worker's line to its server over HTTP: what is asked as a request, and what comes of it as a
value, also what nobody has thought of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Final, TypeVar

import httpx
import msgspec
from msgspec import Struct

from penstock.sdk import api, credential
from penstock.sdk.errors import PenstockError, Unavailable, error_of

BAD_REQUEST: Final = 400
TOO_LARGE: Final = 413  # whoever says so: what is between here and the server has its bounds, too
UNFIT: Final = (BAD_REQUEST, TOO_LARGE)  # it is what is said that is wrong

logger = logging.getLogger("penstock.worker")

T = TypeVar("T")


class Line:
    """Connections of its own, at most so many if that is said; used on one event loop."""

    def __init__(
        self,
        url: str,
        tenant: str,
        worker: str,
        api_key: str | None,
        connections_max: int | None = None,
    ) -> None:
        self._url = url
        self._tenant = tenant
        self._worker = worker
        limits = httpx.Limits(max_connections=connections_max)
        self._http = httpx.AsyncClient(limits=limits, **credential.options(url, api_key))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, call: api.Call, kind: type[T]) -> T:
        """The answer, or the error that it stands for."""
        content = _content_of(call)
        try:
            response = await self._http.request(
                call.method,
                call.path,
                content=content,
                headers=call.headers(self._tenant),
                timeout=call.timeout,
            )
        except httpx.RequestError as error:
            raise api.unreachable(self._url, error) from error
        return api.reply_of(response).as_a(kind)

    async def outcome(self, exchange: Coroutine[None, None, T]) -> T | PenstockError:
        """What comes of an exchange; also what nobody has thought of, which is logged in full."""
        [outcome] = await asyncio.gather(exchange, return_exceptions=True)
        if isinstance(outcome, BaseException) and not isinstance(outcome, PenstockError):
            logger.error("%s: an exchange broke", self._worker, exc_info=outcome)
            return Unavailable("BROKEN", f"{type(outcome).__name__}: {outcome}")
        return outcome


def command(path: str, said: Struct, trace: bytes | None = None) -> api.Call:
    """What a worker says, as a request."""
    try:
        return api.command("POST", path, msgspec.to_builtins(said), trace)
    except (TypeError, ValueError, RecursionError) as error:
        raise _unsayable(error) from error


def _content_of(call: api.Call) -> bytes | None:
    try:
        return call.content
    except (TypeError, ValueError, RecursionError) as error:
        raise _unsayable(error) from error


def _unsayable(error: Exception) -> PenstockError:
    """As the server refuses what it can not read: to say it again helps nobody."""
    return error_of(BAD_REQUEST, "NOT_JSON", f"it can not be made JSON: {error}")
