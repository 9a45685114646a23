"""A request as one node sends it to another: as it came, but for what nodes say to each other.

Rule: whether it takes long there is told by what its route and its parameters are read as here, as
they are there: never by the bytes of its address, which can be written in many ways.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from msgspec import Struct
from starlette.requests import Request

from penstock.gateway.auth import identify
from penstock.gateway.json_in import COMMAND_ID_HEADER, read_body
from penstock.gateway.says import AT_LEAST, WAIT, WAIT_MS, WAIT_MS_MAX

HOP_HEADER: Final = "Penstock-Forwarded-By"
PART_HEADER: Final = "Penstock-Partitions"

OF_ONE_HOP: Final = frozenset(
    {
        *("host", "connection", "content-length", "transfer-encoding", "keep-alive", "te"),
        *("trailer", "upgrade", "expect", "date", "server"),
    }
)
_NOT_FORWARDED: Final = frozenset(
    one.lower().encode() for one in (*OF_ONE_HOP, HOP_HEADER, PART_HEADER, "Origin")
)
"""Of a request. Its origin is looked at where it came in (host_names.py)."""
_WAITS: Final = (AT_LEAST, WAIT)
"""Whoever names one of these waits for as long as the owner has him wait."""
_MILLISECONDS: Final = re.compile("[0-9]{1,19}")

Headers = tuple[tuple[bytes, bytes], ...]


class Asked(Struct, frozen=True, kw_only=True):
    """A request of a tenant's, to be sent to another node. It `waits` there if it is not answered
    at once by its own wish: for `wait_s`, or for what a node waits for at most. `once` has it not
    sent again if it may have arrived.
    """

    method: str
    target: bytes
    headers: Headers
    body: bytes = b""
    tenant: str = ""
    waits: bool = False
    wait_s: float = 0.0
    follows: bool = False
    once: bool = False

    @property
    def is_live(self) -> bool:
        """Whether the answer may take long."""
        return self.follows or self.waits


def is_forwarded(request: Request) -> bool:
    """Whether another node sends this."""
    return HOP_HEADER in request.headers


def part_header(request: Request) -> str | None:
    """Which partitions another node means; None if none says so."""
    return request.headers.get(PART_HEADER) if is_forwarded(request) else None


def raw(named: Mapping[str, str]) -> Headers:
    """Headers as they are sent: what was read of a request came as these bytes."""
    return tuple((name.lower().encode(), value.encode("latin-1")) for name, value in named.items())


async def asked_of(request: Request, since_s: float = 0.0) -> Asked:
    """A request as it came; what it has waited already it does not wait again."""
    scope = request.scope
    headers = tuple(one for one in request.headers.raw if one[0] not in _NOT_FORWARDED)
    command_id = getattr(request.state, "command_id", None)
    if command_id is not None:
        headers = (*headers, *raw({COMMAND_ID_HEADER: command_id}))
    query, wait_s = _waiting_less(scope["query_string"], since_s)
    wait_s = getattr(request.state, "wait_s", 0.0) if wait_s is None else wait_s
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return Asked(
        method=request.method,
        target=path + b"?" + query if query else path,
        headers=headers,
        body=await read_body(request),
        tenant=identify(request).tenant,
        waits=wait_s > 0 or any(one.name in request.query_params for one in _WAITS),
        wait_s=wait_s,
        follows=getattr(request.state, "follows", False),
        once=getattr(request.state, "once", False),
    )


def _waiting_less(query: bytes, since_s: float) -> tuple[bytes, float | None]:
    """A query that waits for what is left of its time, and how long that is, if it says so. All
    else stays as it came, and so does a time that is refused.
    """
    parts, left_s = query.split(b"&"), None
    for place, part in enumerate(parts):
        for name, text in parse_qsl(part.decode("latin-1")):
            if name != WAIT_MS.name or not _MILLISECONDS.fullmatch(text):
                continue
            if int(text) <= WAIT_MS_MAX:
                left_s = max(0.0, int(text) / 1_000 - since_s)
                parts[place] = f"{name}={int(left_s * 1_000)}".encode()
    return b"&".join(parts), left_s
