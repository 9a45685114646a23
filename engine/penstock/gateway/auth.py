"""Who sends a request, and what he may do.

Rules
- A server that asks for credentials lets nobody in without one, but at the few open routes. The
  tenant comes from the credential; a header only chooses among the tenants that it allows.
- A bad credential is a 401 that does not say what is bad about it, and costs about the same
  whatever it is: its length is bounded, and a key that nobody has is hashed and compared, too.
- What a principal may do is a row of the engine's (core/definitions/principals.py), whatever he is
  known by: a key, or a token of an identity provider, which says no more than the name.
- A request that goes on to another node carries its credential, and is looked at there again.
  A node that can not look at it asks another one (admission.py).
- Where nobody is asked for a credential it is looked at whose page sends a request (host_names.py).
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Final, Protocol

from msgspec import Struct
from starlette.requests import Request

from penstock.contracts.wire import TENANT_DEFAULT
from penstock.core.command import Command
from penstock.core.definitions.principals import (
    ADMIN,
    ANONYMOUS,
    EVERYWHERE,
    WEBHOOK,
    Action,
    ApiKey,
    Grant,
    Principal,
    Resource,
    is_principal_name,
    may,
    may_some,
    opens,
    tenants_of,
)
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_kebab
from penstock.core.permissions import check_sent, denied
from penstock.core.state.rows import Rows
from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.host_names import Names

TENANT_HEADER: Final = "Penstock-Tenant"
CREDENTIAL_HEADER: Final = "Authorization"
CREDENTIAL_CHARS_MAX: Final = 8 * 1024
ADMIN_KEY_CHARS_MIN: Final = 32

ALL_GRANTS: Final = (Grant((EVERYWHERE,), (Resource.ALL_RESOURCES,), (Action.ALL_ACTIONS,)),)
_KEY: Final = re.compile(r"psk_([A-Za-z0-9]{8,64})_([A-Za-z0-9]{16,128})")
_BEARER: Final = re.compile(r"[Bb]earer +([\x21-\x7e]+)")


class Caller(Struct, frozen=True):
    """On whose behalf a request is done. Without `grants` nobody was asked who he is, and all is
    allowed; `credential` is the header that he came with.
    """

    tenant: str
    principal: str
    grants: tuple[Grant, ...] | None = None
    credential: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What makes a request to another node one of this caller's."""
        named = {TENANT_HEADER: self.tenant}
        return named | ({CREDENTIAL_HEADER: self.credential} if self.credential else {})

    def may(self, action: Action, resource: Resource, name: str | None) -> bool:
        """Whether he may do it to what has this name; None: to all."""
        return self.grants is None or may(self.grants, action, resource, self.tenant, name)

    def sees(self, resource: Resource, name: str) -> bool:
        """Whether he may be shown what has this name."""
        return self.may(Action.READ, resource, name)

    def check(self, action: Action, resource: Resource, name: str | None = None) -> None:
        """Refuse what he may not do; None: to all, by whatever name."""
        if not self.may(action, resource, name):
            raise denied(action, resource, self.tenant, name)

    def check_sent(self, command: Command) -> None:
        """Refuse a command that he may not send, as far as that is seen without looking at rows."""
        if self.grants is not None:
            check_sent(self.grants, self.tenant, command)

    def check_some(self, action: Action, resource: Resource) -> None:
        """Refuse what he may do to nothing of this kind."""
        if self.grants is not None and not may_some(self.grants, action, resource, self.tenant):
            raise denied(action, resource, self.tenant)


class TokenVerifier(Protocol):
    """Knows the tokens of an identity provider."""

    async def principal_of(self, token: str) -> str | None:
        """The name of the principal whose token it is; None if it is not good."""
        ...


class Security(Struct, frozen=True):
    """Whether callers are asked for credentials, and what knows them: the key that the server was
    started with, and an identity provider. The keys in the engine's rows are known always.
    `context` is how other nodes are known, where they listen with TLS, and `certificate_ends_ms`
    when the certificate runs out that was read then. `names` is what a server
    answers to that asks for no credentials.
    """

    asks: bool = False
    admin_key: str = ""
    tokens: TokenVerifier | None = None
    context: ssl.SSLContext | None = None
    certificate_ends_ms: int | None = None
    names: Names = Names()

    async def caller_of(self, request: Request, rows: Callable[[], Rows]) -> Caller:
        """The caller of a request that must have a credential; raises ApiError or Reject."""
        if not self.asks:
            self.names.check(request)
            return _unasked(request, ANONYMOUS)
        credential = request.headers.get(CREDENTIAL_HEADER, "")
        found = None
        if len(credential) <= CREDENTIAL_CHARS_MAX:
            found = _BEARER.fullmatch(credential)
        if found is None:
            raise unknown_credential(missing=not credential)
        token = found[1]
        if self._is_admin_key(token):
            return Caller(_tenant(request, ALL_GRANTS), ADMIN, ALL_GRANTS, credential)
        principal = await self._principal(token, rows)
        if principal is None:
            raise unknown_credential()
        tenant = _tenant(request, principal.grants)
        return Caller(tenant, principal.name, principal.grants, credential)

    def _is_admin_key(self, token: str) -> bool:
        given, wanted = sha256(token.encode()), sha256(self.admin_key.encode())
        return compare_digest(given.digest(), wanted.digest()) and bool(self.admin_key)

    async def _principal(self, token: str, rows: Callable[[], Rows]) -> Principal | None:
        """Whose key or token it is."""
        parts = _KEY.fullmatch(token)
        if parts is not None:
            return _of_key(rows(), parts[1], parts[2])
        name = None if self.tokens is None else await self.tokens.principal_of(token)
        return None if name is None else _there(rows(), name)


OPEN: Final = Security()


def identify(request: Request) -> Caller:
    """The caller of a request; who posts to a webhook has shown nothing yet but its key."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return _unasked(request, WEBHOOK) if caller is None else caller


def _unasked(request: Request, principal: str) -> Caller:
    """The tenant is what the header says. Refuses one whose name can not be one."""
    tenant = request.headers.get(TENANT_HEADER, TENANT_DEFAULT)
    return Caller(check_kebab("tenant", tenant), principal)


def _tenant(request: Request, grants: tuple[Grant, ...]) -> str:
    """The tenant that the header chooses, or the only one there is."""
    allowed = tenants_of(grants)
    asked = request.headers.get(TENANT_HEADER)
    if asked is None:
        asked = next(iter(allowed)) if len(allowed) == 1 else TENANT_DEFAULT
        asked = TENANT_DEFAULT if asked == EVERYWHERE else asked
    check_kebab("tenant", asked)
    if not allowed & {asked, EVERYWHERE}:
        refuse(
            Code.PERMISSION_DENIED,
            f"no grant in tenant {asked!r}; {TENANT_HEADER} says which tenant is meant",
        )
    return asked


def _of_key(rows: Rows, key_id: str, secret: str) -> Principal | None:
    key = rows.peek(ApiKey, EVERYWHERE, key_id)
    if not opens(key, secret) or key is None:
        return None
    principal = _there(rows, key.owner)
    if principal is None or principal.born != key.born or key.revoked_ms is not None:
        return None
    has_ended = key.expires_at_ms is not None and key.expires_at_ms <= time.time() * 1_000
    return None if has_ended else principal


def _there(rows: Rows, name: str) -> Principal | None:
    principal = rows.peek(Principal, EVERYWHERE, name) if is_principal_name(name) else None
    return None if principal is None or principal.deleted_ms is not None else principal


def unknown_credential(*, missing: bool = False) -> ApiError:
    """Nobody is let in with this."""
    text = (
        f"this server asks for a credential: send `{CREDENTIAL_HEADER}: Bearer <key or token>`"
        if missing
        else "the credential is not known, or is not good any more"
    )
    return ApiError(EdgeCode.UNAUTHENTICATED, text, headers={"WWW-Authenticate": "Bearer"})
