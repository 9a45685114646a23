"""Workflows of an application: defined as a list of tasks, and run with a context."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.defs import Application
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_kebab, wf_run_id_of
from penstock.gateway.auth import Caller, identify
from penstock.gateway.errors import bad_request
from penstock.gateway.json_in import read_struct
from penstock.gateway.routes.definitions import WF_SPECS, wait_for_all
from penstock.gateway.web import command_id_of, gateway_of, route, send, view_of_definitions
from penstock.stepped.compiler import CONTEXT, compile_workflow, spec_name
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
    wait = request.query_params.get("wait")
    if wait not in (None, "all"):
        raise bad_request("parameter `wait` must be `all`, or not be there")
    application = await _known_application(request, caller)
    definition = await read_struct(request, WorkflowDefinition, application=application)
    command = compile_workflow(definition)
    answer = await send(request, command, caller=caller, command_id=command_id)
    if wait == "all":
        await wait_for_all(gateway_of(request), caller, WF_SPECS, command.name)
    return answer


async def run_workflow(request: Request) -> Response:
    """Start a run of a workflow. Without an id of its own it gets the one that its command id
    stands for.
    """
    caller, command_id = identify(request), command_id_of(request)
    application = check_kebab("application", request.path_params["application"])
    workflow = check_kebab("workflow", request.path_params["workflow"])
    body = await read_struct(request, RunBody)
    command = RunWf(
        wf_spec=spec_name(application, workflow),
        version=None if body.version == "latest" else body.version,
        wf_run_id=body.wf_run_id or wf_run_id_of(caller.tenant, command_id),
        variables={CONTEXT: body.context},
        labels=body.labels,
    )
    return await send(request, command, caller=caller, command_id=command_id, created=201)


async def _known_application(request: Request, caller: Caller) -> str:
    name = check_kebab("application", request.path_params["application"])
    view, _ = await view_of_definitions(request)
    if view.rows.peek(Application, caller.tenant, name) is None:
        refuse(Code.APPLICATION_UNKNOWN, f"there is no application {name!r}; register it first")
    return name


WORKFLOWS: Final = "/v1/applications/{application}/workflows"
ROUTES: Final = [
    route("PUT", WORKFLOWS, put_workflow),
    route("POST", WORKFLOWS + "/{workflow}/runs", run_workflow),
]
