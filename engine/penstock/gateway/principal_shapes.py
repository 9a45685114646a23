"""The forms of answers about principals, their keys, and who is asking."""

from __future__ import annotations

from typing import TypedDict

from penstock.core.definitions.principals import Grant
from penstock.gateway.says import Done
from penstock.gateway.shapes import Time


class PrincipalShown(TypedDict):
    """A principal, and all that it may do."""

    name: str
    version: int
    grants: list[Grant]
    description: str
    created_at: Time
    updated_at: Time


class ApiKeyShown(TypedDict):
    """A key of a principal. Of its secret nothing is known but a hash, which is not shown."""

    key_id: str
    owner: str
    description: str
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None


class ApiKeyTold(Done):
    """What became of a key."""

    key_id: str
    owner: str


class WhoAmI(TypedDict):
    """Who asks. Without grants this server asks nobody who he is, and all is allowed."""

    principal: str
    tenant: str
    grants: list[Grant] | None
