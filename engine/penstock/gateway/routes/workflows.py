"""Workflows of an application: defined as a list of tasks, and run with a context."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from penstock.core.commands.delete_webhook import DeleteWebhook
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.defs import Application
from penstock.core.errors import Code
from penstock.core.ids import check_kebab, wf_run_id_of
from penstock.gateway.auth import Caller, identify
from penstock.gateway.json_in import read_struct
from penstock.gateway.routes.definitions import (
    WF_SPECS,
    shown_by_name,
    wait_asked,
    wait_for_all,
)
from penstock.gateway.routes.webhooks import WEBHOOKS, hash_of
from penstock.gateway.web import (
    command_id_of,
    gateway_of,
    refuse_unknown,
    route,
    send,
    view_of_definitions,
)
from penstock.stepped.compiler import CONTEXT, compile_webhook, compile_workflow, spec_name
from penstock.stepped.definition import WorkflowDefinition


class RunBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which version, the newest if nothing is said; the context with which the run begins."""

    version: int | Literal["latest"] = "latest"
    context: dict[str, Any] = {}
    wf_run_id: str | None = None
    labels: dict[str, str] = {}


async def put_workflow(request: Request) -> Response:
    """Register a workflow: as a WfSpec, by whose name it is run."""
    caller, command_id = identify(request), command_id_of(request)
    wait = wait_asked(request)
    application = await _known_application(request, caller)
    definition = await read_struct(request, WorkflowDefinition, application=application)
    command = compile_workflow(definition)
    answer = await send(request, command, caller=caller, command_id=command_id)
    if wait:
        await wait_for_all(gateway_of(request), caller, WF_SPECS, command.name)
    return answer


async def run_workflow(request: Request) -> Response:
    """Start a run of a workflow. Without an id of its own it gets the one that its command id
    stands for.
    """
    caller, command_id = identify(request), command_id_of(request)
    application, workflow = _names(request)
    body = await read_struct(request, RunBody)
    command = RunWf(
        wf_spec=spec_name(application, workflow),
        version=None if body.version == "latest" else body.version,
        wf_run_id=body.wf_run_id or wf_run_id_of(caller.tenant, command_id),
        variables={CONTEXT: body.context},
        labels=body.labels,
    )
    return await send(request, command, caller=caller, command_id=command_id, created=201)


class WebhookOfBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The key of a workflow's webhook, or its hash; more headers and labels that runs have."""

    key: str | None = None
    key_hash: str | None = None
    headers: tuple[str, ...] = ()
    labels: dict[str, str] = {}


async def put_webhook(request: Request) -> Response:
    """Have requests start runs of a workflow."""
    caller, command_id = identify(request), command_id_of(request)
    (application, workflow), wait = _names(request), wait_asked(request)
    body = await read_struct(request, WebhookOfBody)
    hashed = hash_of(spec_name(application, workflow), body.key, body.key_hash)
    command = compile_webhook(
        application, workflow, hashed, headers=body.headers, labels=body.labels
    )
    answer = await send(request, command, caller=caller, command_id=command_id)
    if wait:
        await wait_for_all(gateway_of(request), caller, WEBHOOKS, command.name)
    return answer


async def get_webhook(request: Request) -> Response:
    """The webhook of a workflow."""
    return await shown_by_name(request, WEBHOOKS, spec_name(*_names(request)))


async def delete_webhook(request: Request) -> Response:
    """Close it."""
    caller, command_id = identify(request), command_id_of(request)
    command = DeleteWebhook(name=spec_name(*_names(request)))
    return await send(request, command, caller=caller, command_id=command_id)


def _names(request: Request) -> tuple[str, str]:
    """Application and workflow, as the path has them."""
    return (
        check_kebab("application", request.path_params["application"]),
        check_kebab("workflow", request.path_params["workflow"]),
    )


async def _known_application(request: Request, caller: Caller) -> str:
    name = check_kebab("application", request.path_params["application"])
    view, _ = await view_of_definitions(request)
    if view.rows.peek(Application, caller.tenant, name) is None:
        what = f"there is no application {name!r}; register it first"
        refuse_unknown(request, view, Code.APPLICATION_UNKNOWN, what)
    return name


WORKFLOWS: Final = "/v1/applications/{application}/workflows"
ROUTES: Final = [
    route("PUT", WORKFLOWS, put_workflow),
    route("POST", WORKFLOWS + "/{workflow}/runs", run_workflow),
    route("PUT", WORKFLOWS + "/{workflow}/webhook", put_webhook),
    route("GET", WORKFLOWS + "/{workflow}/webhook", get_webhook),
    route("DELETE", WORKFLOWS + "/{workflow}/webhook", delete_webhook),
]
