"""User tasks: get one, its audit and its comments, act on it, and search."""

from __future__ import annotations

from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from penstock.contracts.answers.told import CommentTold, UserTaskTold
from penstock.contracts.answers.user_tasks import CommentShown, UserTaskEventShown, UserTaskShown
from penstock.contracts.filters import UserTaskFilters
from penstock.core.command import Command
from penstock.core.commands.assign_user_task_run import AssignUserTaskRun
from penstock.core.commands.cancel_user_task_run import CancelUserTaskRun
from penstock.core.commands.claim_user_task_run import ClaimUserTaskRun
from penstock.core.commands.complete_user_task_run import CompleteUserTaskRun
from penstock.core.commands.delete_user_task_comment import DeleteUserTaskComment
from penstock.core.commands.edit_user_task_comment import EditUserTaskComment
from penstock.core.commands.put_user_task_comment import PutUserTaskComment
from penstock.core.commands.release_user_task_run import ReleaseUserTaskRun
from penstock.core.commands.save_user_task_run import SaveUserTaskRun
from penstock.core.definitions.principals import Action, Resource
from penstock.core.errors import Code, refuse
from penstock.core.state.user_task_rows import UserTaskComment, UserTaskEvent, UserTaskRun
from penstock.core.views.filling import Filling
from penstock.core.views.shown import shown_user_task
from penstock.gateway.auth import identify
from penstock.gateway.errors import bad_request
from penstock.gateway.filters import params_of
from penstock.gateway.json_in import read_struct
from penstock.gateway.reads import View, check_part
from penstock.gateway.routes.wf_runs import RUN, known_run
from penstock.gateway.says import PAGE_DEFAULT, PAGE_MAX, Param, finds, pages, reads, sends
from penstock.gateway.spread import paged
from penstock.gateway.user_task_json import user_task_comment, user_task_event, user_task_run
from penstock.gateway.user_task_search import Search, search
from penstock.gateway.web import (
    Handler,
    command_id_of,
    gateway_of,
    int_param,
    json_answer,
    listed,
    page,
    route,
    send,
    view_at,
    view_of_run,
)

USER_TASK: Final = "/v1/user-task-runs/{wf_run_id}/{guid}"


async def of_wf_run(request: Request) -> Response:
    """The user tasks of a run."""
    view, tenant, wf_run_id = await view_of_run(request)
    known_run(view, tenant, wf_run_id)

    def show(row: UserTaskRun) -> Any:
        return user_task_run(shown_user_task(view.rows, row))

    of_run = tenant, wf_run_id
    items, cursor = await run_in_threadpool(page, request, view, UserTaskRun, show, *of_run)
    return listed(items, cursor, view.position)


async def get_one(request: Request) -> Response:
    """A user task."""
    view, row = await _known(request)
    return json_answer(user_task_run(shown_user_task(view.rows, row)), position=view.position)


async def events(request: Request) -> Response:
    """All that has happened to a user task, oldest first."""
    view, row = await _known(request)
    shown = user_task_event, row.tenant, row.wf_run_id, row.guid
    items, cursor = await run_in_threadpool(page, request, view, UserTaskEvent, *shown)
    return listed(items, cursor, view.position)


async def comments(request: Request) -> Response:
    """The comments on a user task."""
    view, row = await _known(request)
    shown = user_task_comment, row.tenant, row.wf_run_id, row.guid
    items, cursor = await run_in_threadpool(page, request, view, UserTaskComment, *shown)
    return listed(items, cursor, view.position)


async def find(request: Request) -> Response:
    """User tasks, by any of user, group, status, form and time."""
    asked = Search.of(request.query_params)
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    reads, caller = gateway_of(request).reads, identify(request)

    def read(page: Filling, cursor: str | None, end: int) -> str | None:
        return search(reads, caller, asked, page, cursor, end)

    return await paged(request, read, limit)


def _act(kind: type[Command], *, created: int = 200) -> Handler:
    """Send a command whose other fields are the body's."""

    async def act(request: Request) -> Response:
        caller = identify(request)
        command_id = command_id_of(request)
        command = await read_struct(request, kind, **_path(request))
        return await send(request, command, caller=caller, command_id=command_id, created=created)

    return act


async def delete_comment(request: Request) -> Response:
    """Delete a comment; `user_id` says who does."""
    caller = identify(request)
    user_id = request.query_params.get("user_id")
    if user_id is None:
        raise bad_request("parameter `user_id` says who deletes the comment")
    command = DeleteUserTaskComment(**_path(request), user_id=user_id)
    return await send(request, command, caller=caller, command_id=command_id_of(request))


def _path(request: Request) -> dict[str, Any]:
    """The fields of a command that stand in the path."""
    fields = dict(request.path_params)
    gateway_of(request).reads.number_of(fields["wf_run_id"])
    check_part("guid", fields["guid"])
    if fields.get("comment", 0) >= 2**63:
        refuse(Code.COMMENT_UNKNOWN, f"there is no comment {fields['comment']}")
    return fields


async def _known(request: Request) -> tuple[View, UserTaskRun]:
    caller, wf_run_id = identify(request), request.path_params["wf_run_id"]
    view = await view_at(request, gateway_of(request).reads.number_of(wf_run_id))
    guid = check_part("guid", request.path_params["guid"])
    row = view.rows.peek(UserTaskRun, caller.tenant, wf_run_id, guid)
    if row is None and caller.may(Action.READ, Resource.USER_TASK, None):
        known_run(view, caller.tenant, wf_run_id)
    if row is None or not caller.sees(Resource.USER_TASK, row.user_task_def):
        refuse(Code.USER_TASK_UNKNOWN, f"WfRun {wf_run_id!r} has no UserTaskRun {guid!r}")
    return view, row


COMMENT: Final = USER_TASK + "/comments/{comment:whole}"
ACTIONS: Final[dict[str, type[Command]]] = {
    "assign": AssignUserTaskRun,
    "claim": ClaimUserTaskRun,
    "release": ReleaseUserTaskRun,
    "save": SaveUserTaskRun,
    "complete": CompleteUserTaskRun,
    "cancel": CancelUserTaskRun,
}
WHO_DELETES: Final = Param("user_id", str, "Who deletes the comment.", required=True)
ROUTES: Final[list[BaseRoute]] = [
    route("GET", RUN + "/user-task-runs", of_wf_run, pages(UserTaskShown)),
    route("GET", "/v1/user-task-runs", find, finds(UserTaskShown, *params_of(UserTaskFilters))),
    route("GET", USER_TASK, get_one, reads(UserTaskShown)),
    route("GET", USER_TASK + "/events", events, pages(UserTaskEventShown)),
    route("GET", USER_TASK + "/comments", comments, pages(CommentShown)),
    route(
        "POST",
        USER_TASK + "/comments",
        _act(PutUserTaskComment, created=201),
        sends(PutUserTaskComment, CommentTold, status=201),
    ),
    route(
        "PUT",
        COMMENT,
        _act(EditUserTaskComment),
        sends(EditUserTaskComment, CommentTold),
    ),
    route("DELETE", COMMENT, delete_comment, sends(gives=CommentTold, query=(WHO_DELETES,))),
    *(
        route("POST", f"{USER_TASK}/actions/{name}", _act(kind), sends(kind, UserTaskTold))
        for name, kind in ACTIONS.items()
    ),
]
