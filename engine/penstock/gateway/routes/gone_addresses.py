"""Addresses that take nothing any more: which, and having one tried again."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.definitions import GoneAddressShown
from penstock.contracts.answers.told import AddressOpened
from penstock.core.commands.open_address import OpenAddress
from penstock.core.definitions.defs import GoneAddress
from penstock.core.ids import check_definition_name
from penstock.gateway.application_json import gone_address
from penstock.gateway.auth import identify
from penstock.gateway.says import pages, sends
from penstock.gateway.web import command_id_of, listed, page, route, send, view_of_definitions


async def list_all(request: Request) -> Response:
    """All of the tenant's."""
    view, tenant = await view_of_definitions(request)
    items, cursor = page(request, view, GoneAddress, gone_address, tenant)
    return listed(items, cursor, view.position)


async def reopen(request: Request) -> Response:
    """Have one tried again."""
    caller, command_id = identify(request), command_id_of(request)
    name = check_definition_name("gone address", request.path_params["name"])
    return await send(request, OpenAddress(name=name), caller=caller, command_id=command_id)


GONE_ADDRESSES: Final = "/v1/gone-addresses"
ROUTES: Final = [
    route("GET", GONE_ADDRESSES, list_all, pages(GoneAddressShown)),
    route("DELETE", GONE_ADDRESSES + "/{name}", reopen, sends(gives=AddressOpened)),
]
