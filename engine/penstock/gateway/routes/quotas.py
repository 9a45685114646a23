"""Quotas of tenants, and of principals in them: put, listed, shown and deleted."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlencode

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.common import Items
from penstock.contracts.answers.principals import OwnQuota, QuotaShown, QuotaTold
from penstock.core.commands.delete_quota import DeleteQuota
from penstock.core.commands.put_quota import PutQuota
from penstock.core.definitions.principals import EVERYWHERE, Resource
from penstock.core.definitions.quotas import ALL_OF_IT, BOUNDS, Quota, check_whose, quota_of, whose
from penstock.core.errors import Code
from penstock.core.state.partition_state import LiveRuns
from penstock.gateway.auth import identify
from penstock.gateway.json_in import read_struct
from penstock.gateway.reads import View
from penstock.gateway.registered import Registered, wait_until_everywhere
from penstock.gateway.render import Json, time_text
from penstock.gateway.routes.definitions import wait_asked
from penstock.gateway.says import WAIT, Param, Says, pages, reads, sends
from penstock.gateway.spread import everywhere
from penstock.gateway.web import (
    command_id_of,
    gateway_of,
    json_answer,
    listed,
    page,
    refuse_unknown,
    route,
    send,
    view_of_definitions,
)

PATH: Final = "/v1/quotas"


class QuotaBody(Struct, frozen=True, forbid_unknown_fields=True):
    """All that a tenant may ask for, or a principal in it. A bound that is left out is taken away:
    commands that bring new work, and starts of runs, a second; and runs that have not ended.
    """

    tenant: str
    principal: str | None = None
    commands_per_second: int | None = None
    runs_per_second: int | None = None
    live_runs: int | None = None


def shown(row: Quota) -> Json:
    """A quota as JSON."""
    return {
        "tenant": row.of_tenant,
        "principal": row.of_principal or None,
        "version": row.version,
        **{name: getattr(row, name) for name in BOUNDS},
        "created_at": time_text(row.created_ms),
        "updated_at": time_text(row.updated_ms),
    }


async def put_quota(request: Request) -> Response:
    """Say all that a tenant may ask for, or a principal in it."""
    caller, command_id, wait = identify(request), command_id_of(request), wait_asked(request)
    body = await read_struct(request, QuotaBody)
    command = PutQuota(
        of_tenant=body.tenant,
        of_principal=body.principal,
        commands_per_second=body.commands_per_second,
        runs_per_second=body.runs_per_second,
        live_runs=body.live_runs,
    )
    answer = await send(request, command, caller=caller, command_id=command_id)
    if wait:
        put = _registered(body.tenant, body.principal)
        await wait_until_everywhere(gateway_of(request), caller, put)
    return answer


async def get_quota(request: Request) -> Response:
    """What a tenant may ask for, or a principal in it."""
    view, _ = await view_of_definitions(request)
    tenant, principal = _whose(request)
    row = quota_of(view.rows, tenant, principal or ALL_OF_IT)
    if row is None:
        what = f"{whose(tenant, principal)} has no quota"
        refuse_unknown(request, view, Code.QUOTA_UNKNOWN, what)
    return json_answer(shown(row), position=view.position)


async def own_quota(request: Request) -> Response:
    """What the tenant of the credential may ask for, and then what its principal may; and what is
    used of both. It takes no leave.
    """
    gateway, caller = gateway_of(request), identify(request)
    whose_quotas = (ALL_OF_IT, caller.principal)

    def read(numbers: list[int]) -> list[Json]:
        """What is used here; what a node has counted it tells once."""
        found: list[Json] = []
        for principal in whose_quotas:
            used = gateway.engine.quotas.used(caller.tenant, principal) if numbers else {}
            live = sum(_live(gateway.reads.view(one), caller.tenant, principal) for one in numbers)
            found.append({"principal": principal, "used": {**used, "live_runs": live}})
        return found

    found = await everywhere(request, read)
    if isinstance(found, Response):
        return found
    view, tenant = await view_of_definitions(request)
    items: list[Json] = []
    for principal in whose_quotas:
        row = quota_of(view.rows, tenant, principal)
        told = [one["used"] for one in found.items if one["principal"] == principal]
        items.append(
            {
                "tenant": tenant,
                "principal": principal or None,
                **{name: row and getattr(row, name) for name in BOUNDS},
                "used": {name: sum(one.get(name, 0) for one in told) for name in BOUNDS},
            }
        )
    return json_answer({"items": items})


def _live(view: View, tenant: str, principal: str) -> int:
    row = view.rows.peek(LiveRuns, tenant, principal)
    return 0 if row is None else row.runs


async def list_quotas(request: Request) -> Response:
    """Quotas, by tenant and principal; all, or those of a tenant, or of a principal."""
    view, _ = await view_of_definitions(request)
    params, caller = request.query_params, identify(request)
    tenant, principal = params.get("tenant"), params.get("principal")
    check_whose("any" if tenant is None else tenant, principal)
    of_tenant = () if tenant is None else (tenant,)

    def show(row: Quota) -> Any:
        is_seen = caller.sees(Resource.QUOTA, row.of_tenant)
        return shown(row) if is_seen and principal in (None, row.of_principal) else None

    items, cursor = page(request, view, Quota, show, EVERYWHERE, *of_tenant)
    return listed(items, cursor, view.position)


async def delete_quota(request: Request) -> Response:
    """A tenant, or a principal in it, has no bound of its own any more."""
    caller, command_id = identify(request), command_id_of(request)
    tenant, principal = _whose(request)
    command = DeleteQuota(of_tenant=tenant, of_principal=principal)
    return await send(request, command, caller=caller, command_id=command_id)


def _whose(request: Request) -> tuple[str, str | None]:
    tenant, principal = request.path_params["tenant"], request.query_params.get("principal")
    check_whose(tenant, principal)
    return tenant, principal


def _registered(tenant: str, principal: str | None) -> Registered:
    query = "" if principal is None else "?" + urlencode({"principal": principal})
    return Registered(
        what=f"the quota of {whose(tenant, principal)}",
        kind=Quota,
        key=Quota.key(EVERYWHERE, tenant, principal or ALL_OF_IT),
        path=f"{PATH}/{quote(tenant, safe='')}{query}",
    )


PRINCIPAL: Final = Param(
    "principal", str, "Of this principal in the tenant; of the tenant as a whole if it is left out."
)
OF_TENANT: Final = Param("tenant", str, "Of this tenant, and of principals in it.")
OF_PRINCIPAL: Final = Param("principal", str, "Of this principal.")
BY_TENANT: Final = PATH + "/{tenant}"
ROUTES: Final = [
    route("PUT", PATH, put_quota, sends(QuotaBody, QuotaTold, query=(WAIT,))),
    route("GET", PATH, list_quotas, pages(QuotaShown, OF_TENANT, OF_PRINCIPAL)),
    route("GET", "/v1/quota", own_quota, Says(gives=Items[OwnQuota])),
    route("GET", BY_TENANT, get_quota, reads(QuotaShown, PRINCIPAL)),
    route("DELETE", BY_TENANT, delete_quota, sends(gives=QuotaTold, query=(PRINCIPAL,))),
]
