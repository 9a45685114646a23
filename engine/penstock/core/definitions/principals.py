"""Principals: who may do what, and the keys by which they are known.

Rules
- A grant names tenants, resources, actions, and names or beginnings of names. What no grant allows
  is refused; no grant takes anything away.
- Principals and their keys are things of the cluster: they lie under EVERYWHERE, which is the name
  of no tenant. What is of the cluster is reached by grants for all tenants only.
- Of a key only a salted hash is kept. Keys are drawn at random and long, so it need not be slow.
- What is deleted stays as a row that allows nothing: who has no row at all is not told apart by the
  engine (he writes to the log himself, or the gateway asks nobody who he is).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from msgspec import Struct

from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row, Rows

EVERYWHERE: Final = "*"
ANYTHING_AFTER: Final = "*"
"""A name in a grant that ends with it stands for all that begin so."""

ANONYMOUS: Final = "anonymous"
ADMIN: Final = "admin"
WEBHOOK: Final = "webhook"
RESERVED: Final = frozenset({"engine", ANONYMOUS, ADMIN, WEBHOOK})
"""Names that stand in envelopes and are nobody's: the engine itself, a gateway that asks for no
credential, the key that a server is started with, and who posts to a webhook.
"""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@|:+=-]{0,127}")
_KEY_ID: Final = re.compile(r"[A-Za-z0-9]{8,64}")
_SALT: Final = re.compile(r"[A-Za-z0-9]{16,64}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_NO_HASH: Final = "0" * 64


class Action(StrEnum):
    """What is done."""

    READ = "READ"
    RUN = "RUN"
    WRITE_METADATA = "WRITE_METADATA"
    ALL_ACTIONS = "ALL_ACTIONS"


class Resource(StrEnum):
    """To what it is done."""

    WORKFLOW = "WORKFLOW"
    TASK = "TASK"
    EXTERNAL_EVENT = "EXTERNAL_EVENT"
    WORKFLOW_EVENT = "WORKFLOW_EVENT"
    USER_TASK = "USER_TASK"
    STRUCT = "STRUCT"
    APPLICATION = "APPLICATION"
    WEBHOOK = "WEBHOOK"
    PRINCIPAL = "PRINCIPAL"
    TENANT = "TENANT"
    QUOTA = "QUOTA"
    CLUSTER = "CLUSTER"
    ALL_RESOURCES = "ALL_RESOURCES"


OF_THE_CLUSTER: Final = frozenset(
    {Resource.PRINCIPAL, Resource.TENANT, Resource.QUOTA, Resource.CLUSTER}
)


class Grant(Struct, frozen=True, forbid_unknown_fields=True):
    """Leave to do these things to these resources of these tenants, `*` for all of them. `names`
    are those of definitions; `order-*` stands for all that begin so, and none for any.
    """

    tenants: tuple[str, ...]
    resources: tuple[Resource, ...]
    actions: tuple[Action, ...]
    names: tuple[str, ...] = ()


class Principal(Row):
    """Somebody, or something, that sends commands and asks. `born` is the offset at which it was
    made: keys of an earlier one of this name are not its own.
    """

    KIND, SCOPE, KEY = b"p", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    version: int
    born: int
    grants: tuple[Grant, ...]
    description: str
    created_ms: int
    updated_ms: int
    deleted_ms: int | None = None


def leave_of(rows: Rows, name: str) -> tuple[Grant, ...] | None:
    """The grants by which the fold goes; None for who may do all: who sends no name, or one that
    nobody can have, and who has no row. A broker does not tell who wrote a record: whoever writes
    to the log himself is trusted.
    """
    if name in RESERVED | {""}:
        return None
    principal = rows.peek(Principal, EVERYWHERE, name)
    return None if principal is None else principal.grants


class ApiKey(Row):
    """A key of a principal. It may end at a time; a revoked one keeps its row, so that its id is
    not used again.
    """

    KIND, SCOPE, KEY = b"k", Scope.DEFINITION, ("tenant", "key_id")

    tenant: str
    key_id: str
    owner: str
    born: int
    salt: str
    key_hash: str
    description: str
    created_ms: int
    expires_at_ms: int | None = None
    revoked_ms: int | None = None


def tenants_of(grants: Iterable[Grant]) -> frozenset[str]:
    """The tenants for which there is any grant."""
    return frozenset(tenant for grant in grants for tenant in grant.tenants)


def may_some(grants: Iterable[Grant], action: Action, resource: Resource, tenant: str) -> bool:
    """Whether it may be done to anything of this kind, by whatever name."""
    return any(_covers(grant, action, resource, tenant) for grant in grants)


def may(
    grants: Iterable[Grant], action: Action, resource: Resource, tenant: str, name: str | None
) -> bool:
    """Whether it may be done to what has this name; None: to all, by whatever name."""
    return any(_covers(grant, action, resource, tenant) and _names(grant, name) for grant in grants)


def _covers(grant: Grant, action: Action, resource: Resource, tenant: str) -> bool:
    whose = EVERYWHERE if resource in OF_THE_CLUSTER else tenant
    return (
        (whose in grant.tenants or EVERYWHERE in grant.tenants)
        and (resource in grant.resources or Resource.ALL_RESOURCES in grant.resources)
        and (action in grant.actions or Action.ALL_ACTIONS in grant.actions)
    )


def _names(grant: Grant, name: str | None) -> bool:
    if not grant.names or name is None:
        return not grant.names
    return any(
        name.startswith(one[:-1]) if one.endswith(ANYTHING_AFTER) else name == one
        for one in grant.names
    )


def is_principal_name(text: str) -> bool:
    """Whether a principal may have this name."""
    return _NAME.fullmatch(text) is not None and text not in RESERVED


def is_key_id(text: str) -> bool:
    """Whether it has the form of the id of a key."""
    return _KEY_ID.fullmatch(text) is not None


def hash_problem(salt: str, key_hash: str) -> str | None:
    """What is wrong with what is to be kept of a key; None if nothing is."""
    if not _SALT.fullmatch(salt):
        return "salt: 16-64 letters and digits, drawn at random for this key"
    if not _HASH.fullmatch(key_hash):
        return "key_hash: SHA-256 of the salt and the secret, as 64 small hexadecimal digits"
    return None


def hash_of_key(salt: str, secret: str) -> str:
    """What is kept of the secret of a key."""
    return sha256(f"{salt}{secret}".encode(errors="replace")).hexdigest()


def opens(key: ApiKey | None, secret: str) -> bool:
    """Whether a secret is that of a key. It takes as long if there is no such key."""
    salt, wanted = ("0" * 16, _NO_HASH) if key is None else (key.salt, key.key_hash)
    return compare_digest(hash_of_key(salt, secret), wanted) and key is not None
