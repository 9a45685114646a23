"""Tenants, and the quotas of tenants and of principals in them."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.contracts.answers.common import Items
from penstock.contracts.answers.definitions import NamedVersion
from penstock.contracts.answers.principals import OwnQuota, QuotaShown, QuotaTold, TenantShown
from penstock.sdk.api import Call, Exchange, below, command, given
from penstock.sdk.calls.definitions import Definitions
from penstock.sdk.connection import Feed
from penstock.sdk.register import OF_DEFINITIONS
from penstock.sdk.subject import C, Subject, asks, lists

TENANTS = "/v1/tenants"
QUOTAS = "/v1/quotas"


class Tenants(Definitions[C, TenantShown]):
    """What was said of tenants. One of which nothing was said is there all the same."""

    def __init__(self, connection: C) -> None:
        super().__init__(connection, TENANTS, TenantShown, TenantShown)

    @asks
    def put(self, name: str, *, description: str = "") -> Exchange[NamedVersion]:
        """Say what a tenant is for."""
        body = {"name": name, "description": description}
        return self._ask(NamedVersion, command("PUT", TENANTS, body, of=OF_DEFINITIONS))


class Quotas(Subject[C]):
    """What tenants may ask for, and principals in them; without a `principal` it is the tenant as a
    whole. Who has no quota has no bounds.
    """

    @asks
    def put(
        self,
        tenant: str,
        principal: str | None = None,
        *,
        commands_per_second: int | None = None,
        runs_per_second: int | None = None,
        live_runs: int | None = None,
    ) -> Exchange[QuotaTold]:
        """Say all that may be asked for; a bound that is left out is taken away."""
        body = given(
            tenant=tenant,
            principal=principal,
            commands_per_second=commands_per_second,
            runs_per_second=runs_per_second,
            live_runs=live_runs,
        )
        return self._ask(QuotaTold, command("PUT", QUOTAS, body, of=OF_DEFINITIONS))

    @asks
    def get(self, tenant: str, principal: str | None = None) -> Exchange[QuotaShown]:
        """One of them."""
        path, params = below(QUOTAS, tenant), given(principal=principal)
        return self._ask(
            QuotaShown, Call(method="GET", path=path, params=params, of=OF_DEFINITIONS)
        )

    @asks
    def own(self) -> Exchange[Sequence[OwnQuota]]:
        """What one's own tenant may ask for, and oneself in it, and what is used of both."""
        call = Call(method="GET", path="/v1/quota")
        return (yield from self._ask(Items[OwnQuota], call)).items

    @asks
    def delete(self, tenant: str, principal: str | None = None) -> Exchange[QuotaTold]:
        """Take all its bounds away."""
        path, params = below(QUOTAS, tenant), given(principal=principal)
        return self._ask(QuotaTold, command("DELETE", path, None, of=OF_DEFINITIONS, params=params))

    @lists
    def list(self, tenant: str | None = None, principal: str | None = None) -> Feed[QuotaShown]:
        """All of them, or those in a tenant, or of a principal."""
        params = given(tenant=tenant, principal=principal)
        return self._pages(
            QuotaShown, Call(method="GET", path=QUOTAS, params=params, of=OF_DEFINITIONS)
        )
