"""Schedules: make, pause, let go on, delete; get one with its newest firings, list them."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.definitions import ScheduleShown
from penstock.contracts.answers.told import ScheduleMade, ScheduleTold
from penstock.contracts.filters import ScheduleFilters
from penstock.core.command import Command
from penstock.core.commands.delete_schedule import DeleteSchedule
from penstock.core.commands.pause_schedule import PauseSchedule
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.definitions.principals import Resource
from penstock.core.definitions.wf_spec import WfSpec, newest_spec
from penstock.core.errors import Code, refuse
from penstock.core.flow.run_filter import named
from penstock.core.ids import check_schedule_id, derive_guid, partition_of_run
from penstock.core.schedules.schedules import Schedule, ScheduleState
from penstock.core.state.rows import Rows
from penstock.core.views.filling import Filling
from penstock.core.views.shown import shown_inputs
from penstock.gateway import render
from penstock.gateway.auth import Caller, identify
from penstock.gateway.filters import filters_in, params_of
from penstock.gateway.index_scan import scan_index
from penstock.gateway.json_in import read_struct
from penstock.gateway.reads import View
from penstock.gateway.says import PAGE_DEFAULT, PAGE_MAX, finds, reads, sends
from penstock.gateway.spread import paged
from penstock.gateway.web import (
    command_id_of,
    gateway_of,
    int_param,
    json_answer,
    route,
    send,
    view_at,
)
from penstock.processor.cron import CannotSay, zone_of


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """A body with nothing in it."""


async def make(request: Request) -> Response:
    """Make a schedule. Without an id of its own it gets the one that its command id stands for."""
    caller = identify(request)
    command_id = command_id_of(request)
    command = await read_struct(request, ScheduleWf)
    _check_time_zone(command)
    if command.schedule_id is None:
        made = derive_guid("schedule-of", caller.tenant, command_id)
        command = replace(command, schedule_id=made)
    return await send(request, command, caller=caller, command_id=command_id, created=201)


def _check_time_zone(command: ScheduleWf) -> None:
    """Refuse a zone that there is not. The fold may not look (R8): what comes to it by Kafka, with
    such a zone, is a schedule that has FAILED.
    """
    try:
        zone_of(command.time_zone)
    except CannotSay:
        refuse(
            Code.BAD_SCHEDULE,
            f"time_zone {command.time_zone[:80]!r} is not known here: use a name such as"
            " 'Europe/Berlin'",
        )


async def pause(request: Request) -> Response:
    """Start nothing until it is to go on."""
    await read_struct(request, Nothing)
    return await _send(request, PauseSchedule(schedule_id=_id(request)))


async def resume(request: Request) -> Response:
    """Go on from now."""
    await read_struct(request, Nothing)
    return await _send(request, PauseSchedule(schedule_id=_id(request), paused=False))


async def delete(request: Request) -> Response:
    """End it, and forget it."""
    return await _send(request, DeleteSchedule(schedule_id=_id(request)))


async def _send(request: Request, command: Command) -> Response:
    caller = identify(request)
    return await send(request, command, caller=caller, command_id=command_id_of(request))


def _id(request: Request) -> str:
    return check_schedule_id(request.path_params["schedule_id"])


async def get(request: Request) -> Response:
    """A schedule as it stands."""
    schedule_id = _id(request)
    number = partition_of_run(schedule_id, gateway_of(request).reads.partitions)
    view = await view_at(request, number)
    shown = _shown(view, identify(request), schedule_id)
    if shown is None:
        refuse(Code.SCHEDULE_UNKNOWN, f"there is no schedule {schedule_id!r}")
    return json_answer(shown, position=view.position)


async def list_all(request: Request) -> Response:
    """Schedules, by partition and id: all, or those that the filters name."""
    reads = gateway_of(request).reads
    caller = identify(request)
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    asked = filters_in(request.query_params, ScheduleFilters)

    def found(view: View, row: ScheduleState) -> render.Json | None:
        is_one = row.status in asked.get("status", (row.status,)) and (
            "wf_spec" not in asked or _is_of(view.rows, row, asked["wf_spec"])
        )
        return _shown(view, caller, row.schedule_id) if is_one else None

    def read(page: Filling, cursor: str | None, end: int) -> str | None:
        prefix = ScheduleState.key(caller.tenant)
        return scan_index(reads, ScheduleState, prefix, found, page=page, cursor=cursor, end=end)

    return await paged(request, read, limit)


def _is_of(rows: Rows, row: ScheduleState, wf_spec: str) -> bool:
    """Whether a schedule starts runs of a WfSpec, which may be named without its namespace."""
    schedule = rows.peek(Schedule, row.tenant, row.schedule_id)
    if schedule is None or schedule.wf_spec == wf_spec:
        return schedule is not None
    spec = newest_spec(rows, row.tenant, schedule.wf_spec, schedule.major)
    return spec is not None and wf_spec == named(spec)[1]


def _shown(view: View, caller: Caller, schedule_id: str) -> render.Json | None:
    schedule = view.rows.peek(Schedule, caller.tenant, schedule_id)
    state = view.rows.peek(ScheduleState, caller.tenant, schedule_id)
    if schedule is None or state is None or not caller.sees(Resource.WORKFLOW, schedule.wf_spec):
        return None
    return render.schedule(_without_masked(view.rows, schedule), state)


def _without_masked(rows: Rows, row: Schedule) -> Schedule:
    if row.version is None:
        spec = newest_spec(rows, row.tenant, row.wf_spec, row.major)
    else:
        spec = rows.peek(WfSpec, row.tenant, row.wf_spec, row.version)
    return replace(row, variables=shown_inputs(rows, row.tenant, spec, row.variables))


BY_ID: Final = "/v1/schedules/{schedule_id}"
ROUTES: Final = [
    route("POST", "/v1/schedules", make, sends(ScheduleWf, ScheduleMade, status=201)),
    route("GET", "/v1/schedules", list_all, finds(ScheduleShown, *params_of(ScheduleFilters))),
    route("GET", BY_ID, get, reads(ScheduleShown)),
    route("DELETE", BY_ID, delete, sends()),
    route("POST", BY_ID + "/actions/pause", pause, sends(Nothing, ScheduleTold)),
    route("POST", BY_ID + "/actions/resume", resume, sends(Nothing, ScheduleTold)),
]
