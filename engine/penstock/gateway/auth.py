"""Who sends a request. In development there is no credential: the tenant is what a header says, the
principal nobody.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from starlette.requests import Request

from penstock.contracts.wire import TENANT_DEFAULT
from penstock.core.ids import check_kebab

TENANT_HEADER: Final = "Penstock-Tenant"
ANONYMOUS: Final = "anonymous"


class Caller(Struct, frozen=True):
    """On whose behalf a request is done."""

    tenant: str
    principal: str


def identify(request: Request) -> Caller:
    """The caller of a request; refuses a tenant whose name can not be one."""
    tenant = request.headers.get(TENANT_HEADER, TENANT_DEFAULT)
    return Caller(check_kebab("tenant", tenant), ANONYMOUS)
