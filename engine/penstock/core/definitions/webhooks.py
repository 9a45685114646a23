"""Inbound webhooks: who posts to one starts a run. Of its key only a hash is kept, so that nobody
who can read rows, or the log, can post.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.values.value import Value

TRIGGER: Final = "trigger"
"""The variable, and the name in templates, that tells a run what has started it."""
TYPE: Final = "webhook"

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,128}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_HEADER: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_NEVER: Final = frozenset(
    {
        *("authorization", "proxy-authorization", "cookie", "set-cookie", "webhook-signature"),
        *("x-api-key", "x-auth-token", "x-csrf-token", "penstock-command-id", "penstock-tenant"),
    }
)
"""Headers that are, or may hold, credentials: no run is told of them."""


class Webhook(Row):
    """An address to which others post, and what that starts: a run of the newest version of a
    WfSpec. `inputs` are values of its variables, in which texts are templates over the request;
    `headers` are those that the run is told of, besides the ones that all are told of. `trigger` is
    the id by which a run knows it. `version` counts its changes.
    """

    KIND, SCOPE, KEY = b"h", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    version: int
    wf_spec: str
    key_hash: str
    inputs: dict[str, Value]
    headers: tuple[str, ...]
    labels: dict[str, str]
    trigger: str
    description: str
    created_ms: int
    updated_ms: int

    @property
    def trigger_id(self) -> str:
        """The id by which a run knows it."""
        return self.trigger or self.name


def key_problem(key: str) -> str | None:
    """What is wrong with a key; None if nothing is. It is not quoted."""
    if _KEY.fullmatch(key):
        return None
    return "a key has 16-128 letters, digits, '_' or '-'; draw it at random"


def key_hash(name: str, key: str) -> str:
    """What is kept of the key of a webhook; the same key of another one has another."""
    text = f"penstock.webhook\0{name}\0{key}"
    return blake2b(text.encode(errors="replace"), digest_size=32).hexdigest()


def is_key_hash(text: str) -> bool:
    """Whether it has the form of one."""
    return _HASH.fullmatch(text) is not None


def opens(webhook: Webhook | None, name: str, key: str) -> bool:
    """Whether a key is that of a webhook. It takes as long if there is none of this name."""
    wanted = _NO_HASH if webhook is None else webhook.key_hash
    return compare_digest(key_hash(name, key), wanted) and webhook is not None


_NO_HASH: Final = "0" * 64


def header_problem(name: str) -> str | None:
    """Why a run may not be told of a header; None if it may."""
    if not _HEADER.fullmatch(name):
        return f"header {name[:80]!r}: use small letters, digits, '_' and '-', 64 at most"
    if name in _NEVER:
        return f"header {name!r} may hold a credential: no run is told of it"
    return None
