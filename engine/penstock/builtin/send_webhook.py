"""send-webhook: tells a receiver what has happened, signed as Standard Webhooks has it."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from penstock.builtin.keys import Endpoint, Keys, KeyUnknown
from penstock.builtin.outbound import Answer, Outbound
from penstock.builtin.sending import (
    BAD_INPUT,
    SECRET_UNKNOWN,
    RequestFailed,
    checked_host,
    send,
)
from penstock.builtin.signing import signed_headers
from penstock.sdk.context import TaskContext
from penstock.sdk.errors import AddressGone, RetryLater, TaskError

DEFAULT: Final = "default"
ENDPOINT_GONE: Final = "ENDPOINT_GONE"
EVENT_TYPE_CHARS_MAX: Final = 128
GONE: Final = 410
SLOW_DOWN: Final = frozenset({429, 502, 503, 504})
RETRY_AFTER_CHARS: Final = 64

_EVENT_TYPE: Final = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*")
_TIME: Final = "%Y-%m-%d %H:%M:%S UTC"


class Delivered(Struct, frozen=True):
    """The receiver has taken it. `webhook_id` is what it knows the message by."""

    code: int
    webhook_id: str
    timestamp: str


class SendWebhook:
    """The task's function, and what it needs."""

    def __init__(self, outbound: Outbound, keys: Keys) -> None:
        self._outbound = outbound
        self._keys = keys

    async def run(
        self,
        ctx: TaskContext,
        type: str,
        data: dict[str, Any] | None,
        url: str | None = None,
        endpoint: str | None = DEFAULT,
        timestamp: str | None = None,
    ) -> Delivered:
        """Post an event. `endpoint` names the secrets that sign it, and where it goes unless `url`
        says so; `timestamp` is when it happened, else now.
        """
        if len(type) > EVENT_TYPE_CHARS_MAX or not _EVENT_TYPE.fullmatch(type):
            raise TaskError(
                BAD_INPUT, f"type {type[:128]!r}: use letters, digits and '_', joined by dots"
            )
        endpoint = endpoint or DEFAULT
        receiver = self._endpoint(endpoint)
        target = url or receiver.url
        if target is None:
            raise TaskError(BAD_INPUT, f"endpoint {endpoint!r} has no url, and none is given")
        happened = _event_time(timestamp)
        body = msgspec.json.encode({"type": type, "timestamp": happened, "data": data or {}})
        headers = {"content-type": "application/json"}
        headers |= signed_headers(receiver.keys, ctx.idempotency_key, int(time.time()), body)
        answer = await send(
            ctx, self._outbound, "POST", target, headers=headers, body=body, read=False
        )
        _check_taken(answer, checked_host(target))
        return Delivered(answer.status, ctx.idempotency_key, happened)

    def _endpoint(self, name: str) -> Endpoint:
        try:
            return self._keys.endpoint(name)
        except KeyUnknown as error:
            raise TaskError(SECRET_UNKNOWN, str(error)) from None


def _check_taken(answer: Answer, host: str) -> None:
    """Only 2xx says that a webhook was taken. A receiver that is gone for good is told apart: the
    workflow may handle that, and the engine sends nobody there again.
    """
    if 200 <= answer.status < 300:
        return
    if answer.status == GONE:
        raise AddressGone(ENDPOINT_GONE, f"{host} takes no webhooks any more", {"code": GONE})
    said = f"{host} answered {answer.status}"
    wish = answer.headers.get("retry-after")
    if answer.status not in SLOW_DOWN or wish is None:
        raise RequestFailed(said)
    message = f"{said}, and asks to wait: Retry-After {wish[:RETRY_AFTER_CHARS]}"
    raise RetryLater(message, _wait_s(wish))


def _wait_s(wish: str) -> float:
    """Seconds, or a date as HTTP writes it; what can not be read is no wish."""
    if wish.isascii() and wish.isdecimal():
        return float(wish[:RETRY_AFTER_CHARS])
    try:
        at = parsedate_to_datetime(wish[:RETRY_AFTER_CHARS])
    except ValueError:
        return 0.0
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, at.timestamp() - time.time())


def _event_time(given: str | None) -> str:
    """As the body has it."""
    try:
        at = datetime.now(UTC) if given is None else datetime.fromisoformat(given)
        if at.tzinfo is None:
            raise ValueError("no time zone")
        return at.astimezone(UTC).strftime(_TIME)
    except (ValueError, OverflowError):
        raise TaskError(
            BAD_INPUT, f"timestamp {given!r}: use RFC 3339, such as 2026-01-31T12:00:00Z"
        ) from None
