"""Tenants: what each may ask of the cluster."""

from __future__ import annotations

from penstock.contracts.answers.definitions import NamedVersion
from penstock.contracts.answers.principals import TenantShown
from penstock.sdk.api import Exchange, command, given
from penstock.sdk.calls.definitions import Definitions
from penstock.sdk.register import OF_DEFINITIONS
from penstock.sdk.subject import C, asks

TENANTS = "/v1/tenants"


class Tenants(Definitions[C, TenantShown]):
    """What was said of tenants. One of which nothing was said has no bounds."""

    def __init__(self, connection: C) -> None:
        super().__init__(connection, TENANTS, TenantShown, TenantShown)

    @asks
    def put(
        self,
        name: str,
        *,
        commands_per_second: int | None = None,
        runs_per_second: int | None = None,
        live_runs: int | None = None,
        description: str = "",
    ) -> Exchange[NamedVersion]:
        """Say all that a tenant may ask for; a bound that is left out is taken away."""
        quota = given(
            commands_per_second=commands_per_second,
            runs_per_second=runs_per_second,
            live_runs=live_runs,
        )
        body = {"name": name, "quota": quota, "description": description}
        return self._ask(NamedVersion, command("PUT", TENANTS, body, of=OF_DEFINITIONS))
