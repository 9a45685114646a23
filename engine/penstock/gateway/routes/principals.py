"""Principals and their keys, and who is asking."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.definitions import NamedVersion
from penstock.contracts.answers.principals import ApiKeyShown, ApiKeyTold, PrincipalShown, WhoAmI
from penstock.core.commands.delete_principal import DeletePrincipal
from penstock.core.commands.put_api_key import PutApiKey
from penstock.core.commands.put_principal import PutPrincipal
from penstock.core.commands.revoke_api_key import RevokeApiKey
from penstock.core.definitions.principals import (
    EVERYWHERE,
    ApiKey,
    Principal,
    is_key_id,
    is_principal_name,
)
from penstock.core.errors import Code, refuse
from penstock.core.values.timestamps import timestamp_ms
from penstock.core.values.types import ValueProblem
from penstock.gateway.auth import identify
from penstock.gateway.errors import bad_request
from penstock.gateway.json_in import read_struct
from penstock.gateway.render import Json, time_text
from penstock.gateway.routes.definitions import (
    Definition,
    alone,
    routes_of,
    shown_by_name,
    wait_asked,
    wait_for_all,
)
from penstock.gateway.says import WAIT, Param, Says, pages, reads, sends
from penstock.gateway.web import (
    command_id_of,
    gateway_of,
    json_answer,
    listed,
    page,
    route,
    send,
    view_of_definitions,
)


def check_principal_name(what: str, name: str) -> str:
    """Refuse what can be no principal's name."""
    if not is_principal_name(name):
        refuse(Code.BAD_NAME, f"{what} {name[:128]!r} is none that a principal may have")
    return name


def check_key_id(what: str, key_id: str) -> str:
    """Refuse what can be no key's id."""
    if not is_key_id(key_id):
        refuse(Code.BAD_ID, f"{what} {key_id[:64]!r}: 8-64 letters and digits")
    return key_id


def principal(row: Principal) -> Json:
    """A principal as JSON."""
    return {
        "name": row.name,
        "version": row.version,
        "grants": msgspec.to_builtins(row.grants),
        "description": row.description,
        "created_at": time_text(row.created_ms),
        "updated_at": time_text(row.updated_ms),
    }


def api_key(row: ApiKey) -> Json:
    """A key as JSON."""
    return {
        "key_id": row.key_id,
        "owner": row.owner,
        "description": row.description,
        "created_at": time_text(row.created_ms),
        "expires_at": time_text(row.expires_at_ms),
        "revoked_at": time_text(row.revoked_ms),
    }


def _is_not_deleted(row: Principal) -> bool:
    return row.deleted_ms is None


PRINCIPALS: Final = Definition(
    "/v1/principals",
    "principal",
    PutPrincipal,
    DeletePrincipal,
    Principal,
    alone(principal),
    Code.PRINCIPAL_UNKNOWN,
    PrincipalShown,
    NamedVersion,
    tenant=EVERYWHERE,
    check_name=check_principal_name,
    is_there=_is_not_deleted,
)
API_KEYS: Final = Definition(
    "/v1/api-keys",
    "key",
    PutApiKey,
    RevokeApiKey,
    ApiKey,
    alone(api_key),
    Code.API_KEY_UNKNOWN,
    ApiKeyShown,
    ApiKeyTold,
    tenant=EVERYWHERE,
    check_name=check_key_id,
)


class ApiKeyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A key as it is put: the salt and the hash of its secret are made by who draws it."""

    key_id: str
    owner: str
    salt: str
    key_hash: str
    expires_at: str | None = None
    description: str = ""


async def put_api_key(request: Request) -> Response:
    """Give a principal a key. Its secret is drawn, and hashed, by the client."""
    caller, command_id, wait = identify(request), command_id_of(request), wait_asked(request)
    body = await read_struct(request, ApiKeyBody)
    try:
        expires_at_ms = None if body.expires_at is None else timestamp_ms(body.expires_at)
    except ValueProblem as problem:
        raise bad_request(f"`expires_at`: {problem}") from problem
    command = PutApiKey(
        key_id=body.key_id,
        owner=body.owner,
        salt=body.salt,
        key_hash=body.key_hash,
        expires_at_ms=expires_at_ms,
        description=body.description,
    )
    answer = await send(request, command, caller=caller, command_id=command_id)
    if wait:
        await wait_for_all(gateway_of(request), caller, API_KEYS, body.key_id)
    return answer


async def get_api_key(request: Request) -> Response:
    """A key. Revoked ones are kept."""
    return await shown_by_name(request, API_KEYS, request.path_params["key_id"])


async def list_api_keys(request: Request) -> Response:
    """Keys by their ids, those too that were revoked; all, or those of a principal."""
    view, _ = await view_of_definitions(request)
    owner = request.query_params.get("owner")

    def show(row: ApiKey) -> Any:
        return api_key(row) if owner in (None, row.owner) else None

    items, cursor = page(request, view, ApiKey, show, EVERYWHERE)
    return listed(items, cursor, view.position)


async def revoke_api_key(request: Request) -> Response:
    """A key is good for nothing any more."""
    caller, command_id = identify(request), command_id_of(request)
    command = RevokeApiKey(key_id=check_key_id("key", request.path_params["key_id"]))
    return await send(request, command, caller=caller, command_id=command_id)


async def who_am_i(request: Request) -> Response:
    """Who asks, for which tenant, and what he may do."""
    caller = identify(request)
    grants = None if caller.grants is None else msgspec.to_builtins(caller.grants)
    told = {"principal": caller.principal, "tenant": caller.tenant, "grants": grants}
    return json_answer(told)


WHOSE: Final = Param("owner", str, "Of this principal.")
BY_ID: Final = API_KEYS.path + "/{key_id}"
ROUTES: Final = [
    *routes_of(PRINCIPALS),
    route("PUT", API_KEYS.path, put_api_key, sends(ApiKeyBody, ApiKeyTold, query=(WAIT,))),
    route("GET", API_KEYS.path, list_api_keys, pages(ApiKeyShown, WHOSE)),
    route("GET", BY_ID, get_api_key, reads(ApiKeyShown)),
    route("DELETE", BY_ID, revoke_api_key, sends(gives=ApiKeyTold)),
    route("GET", "/v1/whoami", who_am_i, Says(gives=WhoAmI)),
]
