"""Tenants: what each is for. One that nobody has put is there all the same."""

from __future__ import annotations

from typing import Final

from penstock.contracts.answers.definitions import NamedVersion
from penstock.contracts.answers.principals import TenantShown
from penstock.core.commands.delete_tenant import DeleteTenant
from penstock.core.commands.put_tenant import PutTenant
from penstock.core.definitions.principals import EVERYWHERE
from penstock.core.definitions.tenants import Tenant
from penstock.core.errors import Code
from penstock.core.ids import check_kebab
from penstock.gateway.render import Json, time_text
from penstock.gateway.routes.definitions import Definition, alone, routes_of


def tenant(row: Tenant) -> Json:
    """A tenant as JSON."""
    return {
        "name": row.name,
        "version": row.version,
        "description": row.description,
        "created_at": time_text(row.created_ms),
        "updated_at": time_text(row.updated_ms),
    }


TENANTS: Final = Definition(
    "/v1/tenants",
    "tenant",
    PutTenant,
    DeleteTenant,
    Tenant,
    alone(tenant),
    Code.TENANT_UNKNOWN,
    TenantShown,
    NamedVersion,
    tenant=EVERYWHERE,
    check_name=check_kebab,
)

ROUTES: Final = routes_of(TENANTS)
