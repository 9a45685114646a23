"""Webhooks that start runs: defined, listed and deleted, and posted to by whoever has the key.

No answer, message or log has a key in it. Who posts to a name that nobody has, and who posts with a
wrong key, are told the same, and neither has its body read.
"""

from __future__ import annotations

from typing import Any, Final, cast

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.definitions import NamedVersion, WebhookShown
from penstock.contracts.answers.told import RunStarted
from penstock.core.command import Command
from penstock.core.commands.delete_webhook import DeleteWebhook
from penstock.core.commands.put_webhook import PutWebhook
from penstock.core.commands.run_by_webhook import RunByWebhook
from penstock.core.definitions.webhooks import Webhook, key_hash, key_problem, opens
from penstock.core.errors import Code, refuse
from penstock.core.ids import derive_guid, is_definition_name, wf_run_id_of
from penstock.gateway import render
from penstock.gateway.auth import Caller, identify
from penstock.gateway.errors import ApiError, EdgeCode, bad_request
from penstock.gateway.inbound import body_of, headers_of, parameters_of, request_id
from penstock.gateway.json_in import read_struct
from penstock.gateway.routes.definitions import Definition, alone, routes_of
from penstock.gateway.says import sends
from penstock.gateway.web import command_id_of, gateway_of, route, send

PATH: Final = "/v1/webhooks"
HIDDEN: Final = PATH + "/..."
"""What is shown of an address that may have a key in it."""
METHODS: Final = ("POST", "PUT", "GET")


class WebhookBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook as it is put: with its key, or with the hash of it."""

    name: str
    wf_spec: str
    key: str | None = None
    key_hash: str | None = None
    inputs: dict[str, Any] = {}
    headers: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    trigger: str = ""
    description: str = ""


async def read_webhook(request: Request, _: type[Command]) -> Command:
    """The command of a body. Its key goes no further than this."""
    body = await read_struct(request, WebhookBody)
    return PutWebhook(
        name=body.name,
        wf_spec=body.wf_spec,
        key_hash=hash_of(body.name, body.key, body.key_hash),
        inputs=body.inputs,
        headers=body.headers,
        labels=body.labels,
        trigger=body.trigger,
        description=body.description,
    )


def hash_of(name: str, key: str | None, known: str | None = None) -> str:
    """What is kept of a key; refused is one that could be guessed."""
    if (key is None) == (known is None):
        raise bad_request("give either the `key`, or the `key_hash`")
    if key is None:
        return known or ""
    problem = key_problem(key)
    if problem is not None:
        refuse(Code.BAD_VALUE, problem)
    return key_hash(name, key)


def shown(row: Webhook) -> render.Json:
    """A webhook. Of its key nothing is shown, and nothing is known but a hash."""
    return {
        "name": row.name,
        "version": row.version,
        "wf_spec": row.wf_spec,
        "has_key": True,
        "inputs": row.inputs,
        "headers": row.headers,
        "labels": row.labels,
        "trigger": row.trigger_id,
        "description": row.description,
        "created_at": render.time_text(row.created_ms),
        "updated_at": render.time_text(row.updated_ms),
    }


WEBHOOKS: Final = Definition(
    PATH,
    "Webhook",
    PutWebhook,
    DeleteWebhook,
    Webhook,
    alone(shown),
    Code.WEBHOOK_UNKNOWN,
    WebhookShown,
    NamedVersion,
    read=read_webhook,
    body=WebhookBody,
)


async def receive(request: Request) -> Response:
    """Start the run of a webhook. The sender's id of the request makes it idempotent."""
    if request.method not in METHODS:  # HEAD comes with GET, and must start nothing
        headers = {"Allow": ", ".join(METHODS)}
        raise ApiError(
            EdgeCode.METHOD_NOT_ALLOWED, f"{HIDDEN} has no {request.method}", headers=headers
        )
    caller, command_id = identify(request), command_id_of(request)
    given = request_id(request)
    wf_run_id = wf_run_id_of(caller.tenant, command_id)
    if given is not None:
        wf_run_id = derive_guid("webhook", caller.tenant, request.path_params["name"], given)
    webhook = _opened(request, caller, gateway_of(request).reads.number_of(wf_run_id))
    command = RunByWebhook(
        webhook=webhook.name,
        wf_run_id=wf_run_id,
        body=await body_of(request),
        headers=headers_of(request, webhook.headers),
        parameters=parameters_of(request),
    )
    return await send(request, command, caller=caller, command_id=command_id, created=201)


def _opened(request: Request, caller: Caller, number: int) -> Webhook:
    """The webhook of this name, if the key is its key. A node that has nothing sends the request to
    where its run will be.
    """
    name, key = cast(str, request.path_params["name"]), cast(str, request.path_params["key"])
    reads = gateway_of(request).reads
    view = reads.view(reads.any_open(number))
    webhook = None
    if is_definition_name(name):
        webhook = view.rows.peek(Webhook, caller.tenant, name)
    if not opens(webhook, name, key) or webhook is None:
        raise ApiError(Code.WEBHOOK_UNKNOWN, "there is no such webhook, or its key is another")
    return webhook


RECEIVES: Final = sends(gives=RunStarted, status=201, takes_any=True, also=(415,))
ROUTES: Final = [
    *routes_of(WEBHOOKS),
    *(route(method, PATH + "/{name}/{key}", receive, RECEIVES) for method in METHODS),
]
