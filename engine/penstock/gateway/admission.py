"""Who is let in by a node, whatever it has of the log.

Rules
- Keys and principals are rows that every partition has. They are read here only from a partition
  that is not far behind: else a key that was revoked would be good for as long as it lags.
- A node that has none such asks another one who the caller is (`GET /v1/whoami`), with the caller's
  own credential, and goes on with what it is told. Who is asked for another node asks nobody else.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request

from penstock.core.definitions.principals import Grant
from penstock.gateway.asked import Asked, is_forwarded, raw
from penstock.gateway.auth import (
    CREDENTIAL_HEADER,
    TENANT_HEADER,
    Caller,
    Security,
    unknown_credential,
)
from penstock.gateway.errors import ApiError, EdgeCode, NotHere
from penstock.gateway.forward import Forwarder
from penstock.gateway.nodes import Nodes
from penstock.gateway.patience import Patience
from penstock.gateway.reads import Reads

WHO_AM_I: Final = "/v1/whoami"


class Known(Struct, frozen=True):
    """What another node tells of a caller. It must have asked him: `grants` are never left out."""

    principal: str
    tenant: str
    grants: tuple[Grant, ...]


async def admitted(
    request: Request, security: Security, reads: Reads, forwarder: Forwarder
) -> Caller:
    """The caller of a request that must have a credential; raises ApiError or Reject."""
    patience = forwarder.patience()
    is_asked_for_another = is_forwarded(request) and request.url.path == WHO_AM_I
    while True:
        try:
            return await security.caller_of(request, lambda: reads.of_callers().rows)
        except NotHere as away:
            if forwarder.nodes is None or is_asked_for_another:
                raise
            known = await _asked(request, away, forwarder, forwarder.nodes, patience)
            if known is not None:
                return known


async def _asked(
    request: Request, away: NotHere, forwarder: Forwarder, nodes: Nodes, patience: Patience
) -> Caller | None:
    """What a node that owns a partition says, another one with each try; None if none has said
    anything yet, after a pause.
    """
    urls = (await nodes.look(again=patience.tries > 0)).urls
    others = sorted(number for number, url in urls.items() if url != nodes.here)
    if not others:
        await patience.pause(ApiError(EdgeCode.RESTORING, away.message))
        return None
    named = (CREDENTIAL_HEADER, TENANT_HEADER)
    headers = {name: request.headers[name] for name in named if name in request.headers}
    asked = Asked(method="GET", target=WHO_AM_I.encode(), headers=raw(headers))
    try:
        told = await forwarder.part(others[patience.tries % len(others)], asked, patience)
    except ApiError as error:
        raise unknown_credential() if error.code is EdgeCode.UNAUTHENTICATED else error from error
    return None if told is None else _caller(told, headers[CREDENTIAL_HEADER])


def _caller(told: object, credential: str) -> Caller:
    try:
        known = msgspec.convert(told, Known)
    except msgspec.ValidationError as error:
        raise ApiError(
            EdgeCode.UNREACHED,
            "another node does not ask for credentials, so it can not say who this is: start all"
            " nodes with the same --auth",
        ) from error
    return Caller(known.tenant, known.principal, known.grants, credential)
