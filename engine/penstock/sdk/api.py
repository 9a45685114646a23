"""Requests to the HTTP API and what their answers mean, without a word about how they are sent: the
clients and the worker share it.

A command keeps its id over all its retries, so that it takes effect once however often it is sent.
"""

from __future__ import annotations

import random
import secrets
import time
from base64 import b64encode
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec
import orjson
from msgspec import Struct

from penstock.config import HOST_DEFAULT, PORT_DEFAULT
from penstock.core.ids import base62
from penstock.observe import tracing
from penstock.sdk.errors import PenstockError, ServerError, Unavailable, error_of

TENANT: Final = "Penstock-Tenant"
COMMAND_ID: Final = "Penstock-Command-Id"
POSITION: Final = "Penstock-Position"

T = TypeVar("T")
Json = dict[str, Any]
Param = str | int | Sequence[str]

URL_DEFAULT: Final = f"http://{HOST_DEFAULT}:{PORT_DEFAULT}"
RETRIED: Final = frozenset({408, 421, 429, 502, 503, 504})
NOT_BEGUN: Final = frozenset(
    {408, 421, 429}
)  # nothing was done: also safe for what has no command id
PAUSE_FIRST_S: Final = 0.05
PAUSE_MAX_S: Final = 2.0
TOO_MANY: Final = 429
RETRY_AFTER_MAX_S: Final = 60.0
CONNECT_TIMEOUT_S: Final = 5.0
ON_ITS_WAY_S: Final = 1.0  # what an answer that nobody waits for any longer may still take to come
ANSWER_TIMEOUT_S: Final = 15.0  # beyond what the server itself was asked to wait
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Call(Struct, frozen=True, kw_only=True):
    """One request, to be made `after_s` seconds from now. A command has an id. A read may wait for
    `wait_s` on the server; `reads` says that it is one, whatever its method.

    `of` names what lies on one partition: a read of it is not older than the last command to it
    that this client has sent. Who asks waits `until` then (time.monotonic()), if that is sooner
    than it is done with otherwise.
    """

    method: str
    path: str
    body: Any = None
    params: Mapping[str, Param] = {}
    command_id: str | None = None
    reads: bool = False
    of: str | None = None
    wait_s: float = 0.0
    after_s: float = 0.0
    until: float | None = None
    trace: bytes | None = None  # in place of the trace at hand

    @property
    def content(self) -> bytes | None:
        """The body as JSON; bytes in it become base64."""
        return None if self.body is None else orjson.dumps(self.body, default=_plain)

    def headers(self, tenant: str | None) -> dict[str, str]:
        """The headers, over and above what HTTP wants. Without a tenant it is the credential's."""
        headers = {"Content-Type": "application/json"} | ({TENANT: tenant} if tenant else {})
        if self.command_id is not None:
            headers[COMMAND_ID] = self.command_id
        carried = tracing.outgoing() if self.trace is None else {tracing.TRACEPARENT: self.trace}
        return headers | {name: value.decode() for name, value in carried.items()}

    @property
    def is_safe(self) -> bool:
        """Whether it may be sent twice, though nobody knows what became of the first time."""
        return self.command_id is not None or self.reads or self.method == "GET"

    @property
    def timeout(self) -> httpx.Timeout:
        """How long to wait for what."""
        long_s = ANSWER_TIMEOUT_S + self.wait_s
        if self.until is not None:
            long_s = min(long_s, max(0.0, self.until - time.monotonic()) + ON_ITS_WAY_S)
        return httpx.Timeout(long_s, connect=min(long_s, CONNECT_TIMEOUT_S))


class _Told(Struct):
    """What is wrong, as Penstock says it."""

    code: str
    message: str
    faults: list[dict[str, Any]] = []


class _Refusal(Struct):
    """The body of a refusal."""

    error: _Told


class Reply(Struct, frozen=True):
    """A good answer. `position` is the token to pass on as `at_least`."""

    body: Any
    position: str | None

    def as_a(self, kind: type[T]) -> T:
        """The body as a type of answer."""
        try:
            return msgspec.convert(self.body, kind)
        except msgspec.ValidationError as error:
            raise ServerError("BAD_ANSWER", f"not the answer of this version: {error}") from error


Exchange: TypeAlias = Generator[Call, Reply, T]
"""What is asked of a server, as a generator: it yields calls, is sent their replies (or has their
errors thrown into it), and returns what comes of it. Who runs it decides how calls are made.
"""


def command(
    method: str,
    path: str,
    body: Any,
    trace: bytes | None = None,
    *,
    of: str | None = None,
    params: Mapping[str, Param] | None = None,
) -> Call:
    """A command with an id of its own."""
    return Call(
        method=method,
        path=path,
        body=body,
        params=params or {},
        command_id=new_command_id(),
        trace=trace,
        of=of,
    )


def new_command_id() -> str:
    """An id that nobody else has."""
    return base62(secrets.token_bytes(20))


def reply_of(response: httpx.Response) -> Reply:
    """What an answer brings; raises the error that it stands for. Anything may stand between here
    and the server, and answer in its place.
    """
    status = response.status_code
    try:
        body: Any = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = None
        if status < 300:
            raise error_of(502, "BAD_ANSWER", "the answer is not JSON; is this Penstock?") from None
    if status < 300:
        return Reply(body, response.headers.get(POSITION))
    try:
        told = msgspec.convert(body, _Refusal).error
    except msgspec.ValidationError:
        to = response.headers.get("Location")
        message = response.reason_phrase if to is None else f"go to {to}"
        told = _Told(_foreign(status), message)
    after_s = _after_s(response.headers)
    raise error_of(status, told.code, told.message, told.faults, after_s=after_s)


def _foreign(status: int) -> str:
    """The code of an answer that says nothing in Penstock's words."""
    return f"HTTP_{status}"


def unreachable(url: str, error: httpx.RequestError) -> Unavailable:
    """The error of a request that got no answer, or none that can be read."""
    return Unavailable("UNREACHABLE", f"no answer from {url}: {error or type(error).__name__}")


def is_final(error: PenstockError) -> bool:
    """Whether Penstock has looked at what was sent, and would say the same again: what a proxy says
    in its place means nothing, and neither does a defect of the server's.
    """
    is_told = error.code != _foreign(error.status)
    return is_told and 400 <= error.status < 500 and not may_retry(error)


def may_retry(error: PenstockError, call: Call | None = None) -> bool:
    """Whether the same request may go through later; `call` is one that may not be safe twice. Too
    many requests are so only if the server says when to come again: without that it is the engine
    that has refused, for as long as its tenant has too many live runs, and each further try would
    be one more record in its log.
    """
    if error.status == TOO_MANY and error.retry_after_s is None:
        return False
    if call is not None and not call.is_safe:
        return error.status in NOT_BEGUN
    return error.status == 0 or error.status in RETRIED


def pause_s(retry: int, error: PenstockError | None = None) -> float:
    """How long to wait before a retry (the first is 0): twice as long each time, with jitter; not
    less than the server asked for. A partition that changes hands is there again within a fraction
    of the one second that is the least a server can ask for: what is not said of too many requests
    is then left to the pauses that grow.
    """
    longest = min(PAUSE_MAX_S, PAUSE_FIRST_S * 2 ** min(retry, 16))
    pause = longest * random.uniform(0.5, 1.0)
    asked = None if error is None else error.retry_after_s
    if error is None or asked is None or (asked <= 1 and error.status != TOO_MANY):
        return pause
    return max(pause, asked * random.uniform(1.0, 1.2))


def time_text(at: datetime | None) -> str | None:
    """A time as the API takes it."""
    if at is None:
        return None
    whole = _zoned(at).astimezone(UTC).replace(tzinfo=None)
    return whole.isoformat(timespec="milliseconds") + "Z"


def epoch_ms(at: datetime | None) -> int | None:
    """A time as commands have it."""
    return None if at is None else round(_zoned(at).timestamp() * 1_000)


def _zoned(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone; use datetime(..., tzinfo=UTC)")
    return at


def below(path: str, *parts: str | int) -> str:
    """What lies below a path, by names of users'. One that a path would lose is nobody's."""
    if not {"", ".", ".."}.isdisjoint(map(str, parts)):
        raise ValueError(f"no name below {path} is empty, '.' or '..'")
    return "/".join([path, *(quote(str(part), safe="") for part in parts)])


def filters(which: Mapping[str, Any]) -> dict[str, Param]:
    """What something is searched by (contracts/filters.py), as parameters of a query."""
    return {name: _filter(value) for name, value in which.items() if value is not None}


def _filter(value: Any) -> Param:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return time_text(value) or ""
        case str() | int():
            return value
        case _:
            return [str(one) for one in value]


def given(**fields: Any) -> Json:
    """The fields that are not None: the others are as if they were not there."""
    return {name: value for name, value in fields.items() if value is not None}


def checked_url(url: str) -> str:
    """The server's address without a slash at its end, or ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no address; it looks like {URL_DEFAULT}")
    return url.rstrip("/")


def uses_proxy(url: str) -> bool:
    """Whether the environment's proxy settings count: never on the way to this machine."""
    return urlsplit(url).hostname not in _LOOPBACK


def _after_s(headers: httpx.Headers) -> float | None:
    """What Retry-After asks for; as a date it is not understood, and not sent by this server."""
    text = headers.get("Retry-After", "")
    return min(float(text), RETRY_AFTER_MAX_S) if text.isdecimal() and text.isascii() else None


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} can not be made JSON")
