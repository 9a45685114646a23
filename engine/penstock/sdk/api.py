"""Requests to the HTTP API and what their answers mean, without a word about how they are sent: the
sync client, the worker and later the async client share it.

A command keeps its id over all its retries, so that it takes effect once however often it is sent.
"""

from __future__ import annotations

import random
import secrets
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx
import orjson
from msgspec import Struct

from penstock.config import HOST_DEFAULT, PORT_DEFAULT
from penstock.core.ids import base62
from penstock.observe import tracing
from penstock.sdk.errors import PenstockError, Unavailable, error_of

TENANT: Final = "Penstock-Tenant"
COMMAND_ID: Final = "Penstock-Command-Id"
POSITION: Final = "Penstock-Position"

URL_DEFAULT: Final = f"http://{HOST_DEFAULT}:{PORT_DEFAULT}"
RETRIED: Final = frozenset({429, 502, 503, 504})
PAUSE_FIRST_S: Final = 0.05
PAUSE_MAX_S: Final = 2.0
CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 15.0  # beyond what the server itself was asked to wait
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Call(Struct, frozen=True, kw_only=True):
    """One request. A command has an id; a read may wait for `wait_s` on the server."""

    method: str
    path: str
    body: Any = None
    params: Mapping[str, str | int] = {}
    command_id: str | None = None
    wait_s: float = 0.0
    trace: bytes | None = None  # in place of the trace at hand

    @property
    def content(self) -> bytes | None:
        """The body as JSON; bytes in it become base64."""
        return None if self.body is None else orjson.dumps(self.body, default=_plain)

    def headers(self, tenant: str) -> dict[str, str]:
        """The headers, over and above what HTTP wants."""
        headers = {TENANT: tenant, "Content-Type": "application/json"}
        if self.command_id is not None:
            headers[COMMAND_ID] = self.command_id
        carried = tracing.outgoing() if self.trace is None else {tracing.TRACEPARENT: self.trace}
        return headers | {name: value.decode() for name, value in carried.items()}

    @property
    def timeout(self) -> httpx.Timeout:
        """How long to wait for what."""
        return httpx.Timeout(ANSWER_TIMEOUT_S + self.wait_s, connect=CONNECT_TIMEOUT_S)


class Reply(Struct, frozen=True):
    """A good answer. `position` is the token to pass on as `at_least`."""

    body: Any
    position: str | None


def command(method: str, path: str, body: Any, trace: bytes | None = None) -> Call:
    """A command with an id of its own."""
    return Call(method=method, path=path, body=body, command_id=new_command_id(), trace=trace)


def new_command_id() -> str:
    """An id that nobody else has."""
    return base62(secrets.token_bytes(20))


def reply_of(response: httpx.Response) -> Reply:
    """What an answer brings; raises the error that it stands for."""
    status = response.status_code
    try:
        body: Any = orjson.loads(response.content) if response.content else None
    except orjson.JSONDecodeError:
        body = None
        if status < 300:
            raise error_of(502, "BAD_ANSWER", "the answer is not JSON; is this Penstock?") from None
    if status < 300:
        return Reply(body, response.headers.get(POSITION))
    told: dict[str, Any] = {}
    if isinstance(body, dict):
        told = cast("dict[str, Any]", body).get("error", {})
    code = told.get("code", f"HTTP_{status}")
    message = told.get("message", response.reason_phrase)
    raise error_of(status, code, message, told.get("faults", ()))


def unreachable(url: str, error: httpx.TransportError) -> Unavailable:
    """The error of a request that got no answer."""
    return Unavailable("UNREACHABLE", f"no answer from {url}: {error or type(error).__name__}")


def may_retry(error: PenstockError) -> bool:
    """Whether the same request may go through later."""
    return error.status == 0 or error.status in RETRIED


def pause_s(retry: int) -> float:
    """How long to wait before a retry (the first is 0): twice as long each time, with jitter."""
    longest = min(PAUSE_MAX_S, PAUSE_FIRST_S * 2 ** min(retry, 16))
    return longest * random.uniform(0.5, 1.0)


def checked_url(url: str) -> str:
    """The server's address without a slash at its end, or ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no address; it looks like {URL_DEFAULT}")
    return url.rstrip("/")


def uses_proxy(url: str) -> bool:
    """Whether the environment's proxy settings count: never on the way to this machine."""
    return urlsplit(url).hostname not in _LOOPBACK


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} can not be made JSON")
