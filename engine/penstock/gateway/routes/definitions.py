"""Definitions of every kind: registered on partition 0, read from there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from penstock.contracts.answers import definitions as shapes
from penstock.contracts.filters import DefinitionFilters, WfSpecFilters
from penstock.core.command import Command
from penstock.core.commands.delete_application import DeleteApplication
from penstock.core.commands.delete_external_event_def import DeleteExternalEventDef
from penstock.core.commands.delete_struct_def import DeleteStructDef
from penstock.core.commands.delete_task_def import DeleteTaskDef
from penstock.core.commands.delete_user_task_def import DeleteUserTaskDef
from penstock.core.commands.delete_wf_spec import DeleteWfSpec
from penstock.core.commands.delete_workflow_event_def import DeleteWorkflowEventDef
from penstock.core.commands.put_application import PutApplication
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_struct_def import PutStructDef, decided
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.put_user_task_def import PutUserTaskDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.core.definitions.defs import (
    Application,
    ExternalEventDef,
    GoneAddress,
    StructDef,
    TaskDef,
    WorkflowEventDef,
    gone_name,
)
from penstock.core.definitions.user_task_def import LatestUserTaskDef, find_user_task_def
from penstock.core.definitions.wf_spec import LatestWfSpec, SpecBody, WfSpec
from penstock.core.errors import Code, Reject
from penstock.core.flow.trial import reading_turn
from penstock.core.ids import check_definition_name
from penstock.core.limits import INT_MAX
from penstock.core.state.partition_state import Shard
from penstock.core.state.rows import Row, Rows
from penstock.gateway import render, user_task_json
from penstock.gateway.access import access_of
from penstock.gateway.application_json import application
from penstock.gateway.auth import Caller, identify
from penstock.gateway.errors import bad_request
from penstock.gateway.filters import filters_in, params_of
from penstock.gateway.json_in import read_struct
from penstock.gateway.reads import check_part
from penstock.gateway.registered import Registered, wait_until_everywhere
from penstock.gateway.says import AT_LEAST, VERSION, WAIT, Says, pages, reads, sends
from penstock.gateway.web import (
    Gateway,
    command_id_of,
    gateway_of,
    int_param,
    json_answer,
    listed,
    page,
    refuse_unknown,
    route,
    send,
    view_of_definitions,
)


class Definition(Struct, frozen=True):
    """A kind of definition: its path, its commands, its rows, and how it is shown. One that is of
    the cluster lies under a `tenant` of its own, whoever asks; `is_there` tells it from the row
    that stays of one that was deleted.
    """

    path: str
    what: str
    put: type[Command]
    delete: Callable[..., Command]
    row: type[Row]
    show: Callable[[Any, Rows], render.Json]
    unknown: Code
    shape: Any
    told: Any
    listed: Any = None
    read: Callable[[Request, type[Command]], Awaitable[Command]] = read_struct
    body: type[Struct] | None = None
    tenant: str | None = None
    check_name: Callable[[str, str], str] = check_definition_name
    is_there: Callable[[Any], bool] = bool


def alone(show: Callable[[Any], render.Json]) -> Callable[[Any, Rows], render.Json]:
    """A row that tells all of itself."""
    return lambda row, rows: show(row)


def _application(row: Application, rows: Rows) -> render.Json:
    gone = rows.peek(GoneAddress, row.tenant, gone_name(row.webhook_url))
    return application(row, gone)


TASK_DEFS: Final = Definition(
    "/v1/task-defs",
    "TaskDef",
    PutTaskDef,
    DeleteTaskDef,
    TaskDef,
    alone(render.task_def),
    Code.TASK_DEF_UNKNOWN,
    shapes.TaskDefShown,
    shapes.Named,
)
EVENT_DEFS: Final = Definition(
    "/v1/external-event-defs",
    "ExternalEventDef",
    PutExternalEventDef,
    DeleteExternalEventDef,
    ExternalEventDef,
    alone(render.external_event_def),
    Code.EVENT_DEF_UNKNOWN,
    shapes.ExternalEventDefShown,
    shapes.Named,
)
STRUCT_DEFS: Final = Definition(
    "/v1/struct-defs",
    "StructDef",
    PutStructDef,
    DeleteStructDef,
    StructDef,
    alone(render.struct_def),
    Code.STRUCT_DEF_UNKNOWN,
    shapes.StructDefShown,
    shapes.NamedVersion,
)
WORKFLOW_EVENT_DEFS: Final = Definition(
    "/v1/workflow-event-defs",
    "WorkflowEventDef",
    PutWorkflowEventDef,
    DeleteWorkflowEventDef,
    WorkflowEventDef,
    alone(render.workflow_event_def),
    Code.EVENT_DEF_UNKNOWN,
    shapes.WorkflowEventDefShown,
    shapes.Named,
)
APPLICATIONS: Final = Definition(
    "/v1/applications",
    "Application",
    PutApplication,
    DeleteApplication,
    Application,
    _application,
    Code.APPLICATION_UNKNOWN,
    shapes.ApplicationShown,
    shapes.NamedVersion,
)
WF_SPECS: Final = Definition(
    "/v1/wf-specs",
    "WfSpec",
    PutWfSpec,
    DeleteWfSpec,
    WfSpec,
    alone(render.wf_spec),
    Code.SPEC_UNKNOWN,
    shapes.WfSpecShown,
    shapes.NamedRevision,
    shapes.Latest,
)
USER_TASK_DEFS: Final = Definition(
    "/v1/user-task-defs",
    "UserTaskDef",
    PutUserTaskDef,
    DeleteUserTaskDef,
    LatestUserTaskDef,
    alone(user_task_json.latest_user_task_def),
    Code.USER_TASK_DEF_UNKNOWN,
    shapes.UserTaskDefShown,
    shapes.NamedVersion,
    shapes.Latest,
)
WITH_VERSIONS: Final = (WF_SPECS, USER_TASK_DEFS)


def routes_of(definition: Definition) -> list[BaseRoute]:
    """PUT, list and GET of one kind."""

    async def put(request: Request) -> Response:
        caller = identify(request)
        command_id = command_id_of(request)
        wait = wait_asked(request)
        command: Any = await definition.read(request, definition.put)
        answer = await send(request, command, caller=caller, command_id=command_id)
        if wait:
            name: str = command.name
            await wait_for_all(gateway_of(request), caller, definition, name)
        return answer

    async def get(request: Request) -> Response:
        return await shown_by_name(request, definition, request.path_params["name"])

    async def list_all(request: Request) -> Response:
        view, tenant = await view_of_definitions(request)
        whose, begins = definition.tenant or tenant, prefix_asked(request)

        def show(row: Any) -> Any:
            return definition.show(row, view.rows) if sees(request, definition, row) else None

        items, cursor = page(request, view, definition.row, show, whose, begins=begins)
        return listed(items, cursor, view.position)

    async def delete(request: Request) -> Response:
        caller = identify(request)
        name = definition.check_name(definition.what, request.path_params["name"])
        named = {"name": name}
        if definition in WITH_VERSIONS:
            command = definition.delete(**named, version=_version_to_delete(request))
        else:
            command = definition.delete(**named)
        return await send(request, command, caller=caller, command_id=command_id_of(request))

    by_name = definition.path + "/{name}"
    gets = {WF_SPECS.path: get_wf_spec, USER_TASK_DEFS.path: get_user_task_def}
    lists = list_wf_specs if definition is WF_SPECS else list_all
    says = says_of(definition)
    return [
        route("PUT", definition.path, put, says["PUT"]),
        route("GET", definition.path, lists, says["LIST"]),
        route("GET", by_name, gets.get(definition.path, get), says["GET"]),
        route("DELETE", by_name, delete, says["DELETE"]),
    ]


def sees(request: Request, definition: Definition, row: Any) -> bool:
    """Whether the caller may be shown a definition."""
    resource = access_of("GET", definition.path).resource
    return definition.is_there(row) and identify(request).sees(resource, row.name)


def says_of(definition: Definition) -> dict[str, Says]:
    """What the routes of one kind take and give."""
    what, query = definition.what, (VERSION,) if definition in WITH_VERSIONS else ()
    form = {"spec": SpecBody} if definition is WF_SPECS else {}
    body, told = definition.body or definition.put, definition.told
    gone = shapes.NamedVersion if definition in WITH_VERSIONS else shapes.Named
    deletes = tuple(replace(one, about="Which version.", required=True) for one in query)
    lists = params_of(WfSpecFilters if definition is WF_SPECS else DefinitionFilters)
    put = sends(body, told, query=(WAIT,), bodies=form, about=f"Register a {what}.")
    return {
        "PUT": put,
        "LIST": pages(definition.listed or definition.shape, *lists, about=f"{what}s, by name."),
        "GET": reads(definition.shape, *query, about=f"A {what}."),
        "DELETE": sends(gives=gone, query=deletes, about=f"Delete a {what}."),
    }


async def shown_by_name(request: Request, definition: Definition, name: str) -> Response:
    """A definition of a kind, by its name."""
    view, tenant = await view_of_definitions(request)
    definition.check_name(definition.what, name)
    row = view.rows.peek(definition.row, definition.tenant or tenant, name)
    if row is None or not definition.is_there(row):
        what = f"there is no {definition.what} {name!r}"
        refuse_unknown(request, view, definition.unknown, what)
    return json_answer(definition.show(row, view.rows), position=view.position)


def wait_asked(request: Request) -> bool:
    """Whether to answer only when every partition has what was decided."""
    wait = request.query_params.get("wait")
    if wait not in (None, "all"):
        raise bad_request("parameter `wait` must be `all`, or not be there")
    if wait is not None:  # before anything is sent
        gateway_of(request).waits.check(identify(request).tenant)
    return wait is not None


def _version_to_delete(request: Request) -> int:
    """One version is deleted, and it must be named: the newest may be another in a moment."""
    if "version" not in request.query_params:
        raise bad_request("parameter `version` says which version is to be deleted")
    return int_param(request, "version", 0, low=1, high=INT_MAX)


async def validate_struct_def(request: Request) -> Response:
    """What would become of a StructDef if it were registered so: which version it would be, or why
    it would be refused. Nothing is registered.
    """
    command = await read_struct(request, PutStructDef, name=request.path_params["name"])
    view, tenant = await view_of_definitions(request)
    shard = Shard(view.position.partition, gateway_of(request).reads.partitions)
    turn = reading_turn(view.rows, shard, tenant)
    try:
        row = decided(turn, command)
    except Reject as refused:
        told = {"accepted": False, "code": str(refused.code), "message": refused.message}
        return json_answer({"version": None, **told}, position=view.position)
    known = row or view.rows.peek(StructDef, tenant, command.name)
    version = None if known is None else known.version
    told = {"accepted": True, "version": version, "code": None, "message": None}
    return json_answer(told, position=view.position)


async def get_wf_spec(request: Request) -> Response:
    """A version of a WfSpec, the newest if none is named."""
    view, tenant = await view_of_definitions(request)
    name = check_definition_name("WfSpec", request.path_params["name"])
    latest = view.rows.peek(LatestWfSpec, tenant, name)
    newest = 0 if latest is None else latest.version
    version = int_param(request, "version", newest, low=0, high=INT_MAX)
    row = view.rows.peek(WfSpec, tenant, name, version)
    if row is None:
        asked = "" if latest is None else f" in version {version}; the newest is {newest}"
        refuse_unknown(request, view, Code.SPEC_UNKNOWN, f"there is no WfSpec {name!r}{asked}")
    return json_answer(render.wf_spec(row), position=view.position)


async def get_user_task_def(request: Request) -> Response:
    """A version of a UserTaskDef, the newest if none is named."""
    view, tenant = await view_of_definitions(request)
    name = check_definition_name("UserTaskDef", request.path_params["name"])
    version = int_param(request, "version", 0, low=1, high=INT_MAX) or None
    row = find_user_task_def(view.rows, tenant, name, version)
    if row is None:
        asked = "" if version is None else f" in version {version}"
        what = f"there is no UserTaskDef {name!r}{asked}"
        refuse_unknown(request, view, Code.USER_TASK_DEF_UNKNOWN, what)
    return json_answer(user_task_json.user_task_def(row), position=view.position)


def prefix_asked(request: Request) -> str:
    """With what the names are to begin that are listed."""
    prefix: str = filters_in(request.query_params, DefinitionFilters).get("prefix", "")
    return prefix if prefix == "" else check_part("prefix", prefix)


async def list_wf_specs(request: Request) -> Response:
    """The names of WfSpecs, each with its newest version."""
    view, tenant = await view_of_definitions(request)
    task_def = filters_in(request.query_params, WfSpecFilters).get("task_def")

    def show(row: LatestWfSpec) -> Any:
        is_one = (
            row.version
            and sees(request, WF_SPECS, row)
            and (task_def is None or task_def in _tasks_of(view.rows, row))
        )
        return {"name": row.name, "version": row.version} if is_one else None

    begins = prefix_asked(request)
    items, cursor = page(request, view, LatestWfSpec, show, tenant, begins=begins)
    return listed(items, cursor, view.position)


def _tasks_of(rows: Rows, latest: LatestWfSpec) -> set[str]:
    """The TaskDefs that the newest version names; what is only known at run time is not."""
    spec = rows.peek(WfSpec, latest.tenant, latest.name, latest.version)
    threads = () if spec is None else spec.body.threads.values()
    found = (getattr(node, "task_def", None) for one in threads for node in one.nodes.values())
    return {name for name in found if isinstance(name, str)}


async def wait_for_all(gateway: Gateway, caller: Caller, definition: Definition, name: str) -> None:
    """Wait until every partition has a definition of this name."""
    kind: type[Row] = LatestWfSpec if definition is WF_SPECS else definition.row
    put = Registered(
        what=f"{definition.what} {name!r}",
        kind=kind,
        key=kind.key(definition.tenant or caller.tenant, name),
        path=f"{definition.path}/{quote(name, safe='')}",
    )
    await wait_until_everywhere(gateway, caller, put)


VALIDATE: Final = "/v1/struct-defs/{name}/validate"
VALIDATES: Final = Says(
    body=PutStructDef, gives=shapes.StructDefTried, query=(AT_LEAST,), positioned=True
)
ROUTES: Final = [
    *routes_of(TASK_DEFS),
    *routes_of(WF_SPECS),
    *routes_of(EVENT_DEFS),
    *routes_of(USER_TASK_DEFS),
    *routes_of(STRUCT_DEFS),
    route("POST", VALIDATE, validate_struct_def, VALIDATES),
    *routes_of(WORKFLOW_EVENT_DEFS),
    *routes_of(APPLICATIONS),
]
