"""The forms of answers about tenants, quotas, principals, their keys, and who is asking."""

from __future__ import annotations

from penstock.contracts.answers.common import Answer, Done, Time
from penstock.core.definitions.principals import Grant


class PrincipalShown(Answer, frozen=True):
    """A principal, and all that it may do."""

    name: str
    version: int
    grants: list[Grant]
    description: str
    created_at: Time
    updated_at: Time


class TenantShown(Answer, frozen=True):
    """A tenant, and what it is for."""

    name: str
    version: int
    description: str
    created_at: Time
    updated_at: Time


class QuotaShown(Answer, frozen=True):
    """What a tenant may ask for, or a principal in it; what is null has no bound."""

    tenant: str
    principal: str | None
    version: int
    commands_per_second: int | None
    runs_per_second: int | None
    live_runs: int | None
    created_at: Time
    updated_at: Time


class QuotaUsed(Answer, frozen=True):
    """How much there is now: runs that are live, and of a second's worth of commands and starts
    what has come just now.
    """

    commands_per_second: int
    runs_per_second: int
    live_runs: int


class OwnQuota(Answer, frozen=True):
    """What the caller's tenant may ask for, or the caller in it, and what is used of it; what is
    null has no bound.
    """

    tenant: str
    principal: str | None
    commands_per_second: int | None
    runs_per_second: int | None
    live_runs: int | None
    used: QuotaUsed


class QuotaTold(Done, frozen=True):
    """Whose quota was put, and how often it has changed; or whose was deleted."""

    tenant: str
    principal: str | None
    version: int | None = None


class ApiKeyShown(Answer, frozen=True):
    """A key of a principal. Of its secret nothing is known but a hash, which is not shown."""

    key_id: str
    owner: str
    description: str
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None


class ApiKeyTold(Done, frozen=True):
    """What became of a key."""

    key_id: str
    owner: str


class WhoAmI(Answer, frozen=True):
    """Who asks. Without grants this server asks nobody who he is, and all is allowed."""

    principal: str
    tenant: str
    grants: list[Grant] | None
