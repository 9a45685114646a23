"""http-request: one request, its answer as output."""

from __future__ import annotations

from base64 import b64encode
from typing import Final, Literal

from msgspec import Struct

from penstock.builtin.keys import Keys, KeyUnknown
from penstock.builtin.outbound import Outbound
from penstock.builtin.sending import (
    BAD_INPUT,
    SECRET_REFUSED,
    SECRET_UNKNOWN,
    RequestFailed,
    checked_host,
    send,
)
from penstock.sdk.context import TaskContext
from penstock.sdk.errors import TaskError

BODY_SHOWN_CHARS: Final = 500

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_CHARSETS: Final = frozenset({"ascii", "iso-8859-1", "us-ascii", "utf-8", "utf8", "windows-1252"})
"""What text is read as. Other codecs of Python's are slow or do more than to read text."""


class Auth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who asks: by a password or a token of its own, or by the name of a secret that the worker
    has.
    """

    type: Literal["basic", "bearer"]
    username: str = ""
    password: str | None = None
    token: str | None = None
    secret: str | None = None


class HttpAnswer(Struct, frozen=True):
    """What came back. `body` is text, or base64 if `encoding` says so."""

    code: int
    headers: dict[str, str]
    body: str
    encoding: str
    uri: str


class HttpRequest:
    """The task's function, and what it needs."""

    def __init__(self, outbound: Outbound, keys: Keys) -> None:
        self._outbound = outbound
        self._keys = keys

    async def run(
        self,
        ctx: TaskContext,
        uri: str,
        method: str | None = "GET",
        headers: dict[str, str] | None = None,
        body: str | None = None,
        auth: Auth | None = None,
        allow_failed: bool | None = False,
    ) -> HttpAnswer:
        """Send a request. An answer from 300 on fails the attempt, unless `allow_failed`.

        A request that is not safe to repeat has an Idempotency-Key, the same for every attempt.
        """
        host, method = checked_host(uri), method or "GET"
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if auth is not None:
            sent["authorization"] = self._authorization(auth, host)
        if method not in _SAFE:
            sent.setdefault("idempotency-key", ctx.idempotency_key)
        answer = await send(
            ctx, self._outbound, method, uri, headers=sent, body=(body or "").encode()
        )
        text, encoding = body_text(answer.body, answer.headers.get("content-type", ""))
        if answer.status >= 300 and not allow_failed:
            raise RequestFailed(f"{host} answered {answer.status}: {text[:BODY_SHOWN_CHARS]}")
        return HttpAnswer(answer.status, answer.headers, text, encoding, uri)

    def _authorization(self, auth: Auth, host: str) -> str:
        own = auth.password if auth.type == "basic" else auth.token
        if (own is None) == (auth.secret is None):
            wanted = "password" if auth.type == "basic" else "token"
            raise TaskError(BAD_INPUT, f"auth {auth.type} needs one of {wanted!r} and 'secret'")
        secret = own if own is not None else self._secret(auth.secret or "", host)
        if auth.type == "bearer":
            return f"Bearer {secret}"
        if ":" in auth.username:
            raise TaskError(BAD_INPUT, "a user name of auth basic has no colon")
        return "Basic " + b64encode(f"{auth.username}:{secret}".encode()).decode()

    def _secret(self, name: str, host: str) -> str:
        """A secret of the worker's, for one of its hosts: else whoever writes a workflow could
        have it sent to himself.
        """
        try:
            credential = self._keys.credential(name)
        except KeyUnknown as error:
            raise TaskError(SECRET_UNKNOWN, str(error)) from None
        if host not in credential.hosts:
            raise TaskError(SECRET_REFUSED, f"secret {name!r} is not for {host}")
        return credential.secret


def body_text(body: bytes, content_type: str) -> tuple[str, str]:
    """A body as text where it is text, else as base64; and which of them it is."""
    charset = "utf-8"
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    if charset in _CHARSETS:
        try:
            return body.decode(charset), "text"
        except UnicodeDecodeError:
            pass
    return b64encode(body).decode(), "base64"
