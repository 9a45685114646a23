"""Workflows of an application: defined as a list of tasks, and run with a context."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.definitions import (
    Named,
    NamedRevision,
    NamedVersion,
    WebhookShown,
    WorkflowShown,
)
from penstock.contracts.answers.told import RunStarted
from penstock.core.commands.delete_webhook import DeleteWebhook
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.defs import Application
from penstock.core.definitions.wf_spec import LatestWfSpec, WfSpec
from penstock.core.errors import Code
from penstock.core.ids import check_kebab, wf_run_id_of
from penstock.core.state.rows import Rows
from penstock.gateway.auth import Caller, identify
from penstock.gateway.json_in import read_struct
from penstock.gateway.render import Json, time_text
from penstock.gateway.routes.definitions import (
    WF_SPECS,
    shown_by_name,
    wait_asked,
    wait_for_all,
)
from penstock.gateway.routes.webhooks import WEBHOOKS, hash_of
from penstock.gateway.says import AT_LEAST, WAIT, pages, reads, sends
from penstock.gateway.web import (
    command_id_of,
    gateway_of,
    json_answer,
    listed,
    page_of,
    refuse_unknown,
    route,
    send,
    view_of_definitions,
)
from penstock.stepped.compiler import (
    CONTEXT,
    compile_webhook,
    compile_workflow,
    spec_name,
    tasks_of,
)
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
    application = check_kebab("application", request.path_params["application"])
    definition = await read_struct(request, WorkflowDefinition, application=application)
    command = compile_workflow(definition)
    caller.check_sent(command)  # who may not is not told which applications there are
    await _known_application(request, caller)
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


async def list_workflows(request: Request) -> Response:
    """The application's workflows, by name, each in its newest version. A page looks at `limit`
    specs of that namespace: others may be among them.
    """
    caller, application = identify(request), await _known_application(request, identify(request))
    view, _ = await view_of_definitions(request)
    begins = LatestWfSpec.key(caller.tenant, spec_name(application, "")).removesuffix(b"\x00")

    def show(row: LatestWfSpec) -> Any:
        return _workflow(view.rows, row, application)

    items, cursor = page_of(request, view, LatestWfSpec, show, begins)
    return listed(items, cursor, view.position)


async def get_workflow(request: Request) -> Response:
    """One of them."""
    caller, application = identify(request), await _known_application(request, identify(request))
    view, _ = await view_of_definitions(request)
    name = spec_name(*_names(request))
    row = view.rows.peek(LatestWfSpec, caller.tenant, name)
    shown = None if row is None else _workflow(view.rows, row, application)
    if shown is None:
        what = f"there is no workflow {name!r}; register it first"
        refuse_unknown(request, view, Code.SPEC_UNKNOWN, what)
    return json_answer(shown, position=view.position)


def _workflow(rows: Rows, latest: LatestWfSpec, application: str) -> Json | None:
    """A workflow; None of what has been deleted, and of a spec that is written otherwise."""
    spec = rows.peek(WfSpec, latest.tenant, latest.name, latest.version)
    tasks = None if spec is None else tasks_of(spec.body)
    if spec is None or tasks is None:
        return None
    return {
        "application": application,
        "workflow": spec.name.removeprefix(spec_name(application, "")),
        "name": spec.name,
        "version": spec.version,
        "tasks": [{"step": step, "task": task} for step, task in tasks],
        "created_at": time_text(spec.created_ms),
    }


async def _known_application(request: Request, caller: Caller) -> str:
    name = check_kebab("application", request.path_params["application"])
    view, _ = await view_of_definitions(request)
    if view.rows.peek(Application, caller.tenant, name) is None:
        what = f"there is no application {name!r}; register it first"
        refuse_unknown(request, view, Code.APPLICATION_UNKNOWN, what)
    return name


WORKFLOWS: Final = "/v1/applications/{application}/workflows"
WEBHOOK: Final = WORKFLOWS + "/{workflow}/webhook"
PUTS: Final = sends(WorkflowDefinition, NamedRevision, query=(WAIT, AT_LEAST))
ROUTES: Final = [
    route("PUT", WORKFLOWS, put_workflow, PUTS),
    route("GET", WORKFLOWS, list_workflows, pages(WorkflowShown)),
    route("GET", WORKFLOWS + "/{workflow}", get_workflow, reads(WorkflowShown)),
    route(
        "POST",
        WORKFLOWS + "/{workflow}/runs",
        run_workflow,
        sends(RunBody, RunStarted, status=201),
    ),
    route("PUT", WEBHOOK, put_webhook, sends(WebhookOfBody, NamedVersion, query=(WAIT,))),
    route("GET", WEBHOOK, get_webhook, reads(WebhookShown)),
    route("DELETE", WEBHOOK, delete_webhook, sends(gives=Named)),
]
