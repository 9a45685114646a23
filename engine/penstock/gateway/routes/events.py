"""Events under keys: put, read, delete; and the events that runs throw."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Final

from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.common import Items
from penstock.contracts.answers.events import CorrelatedEventShown, WorkflowEventShown
from penstock.contracts.answers.told import EventPut
from penstock.contracts.filters import CorrelatedEventFilters
from penstock.core.commands.delete_correlated_event import DeleteCorrelatedEvent
from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.definitions.principals import Resource
from penstock.core.errors import Code, refuse
from penstock.core.limits import INT_MAX
from penstock.core.state.correlation_rows import CorrelatedEvent
from penstock.core.state.event_rows import WorkflowEvent
from penstock.core.state.keys import after_prefix
from penstock.core.views.filling import Filling
from penstock.core.views.shown import shown_correlated_event, shown_workflow_event
from penstock.gateway import render
from penstock.gateway.auth import identify
from penstock.gateway.filters import filters_in, params_of
from penstock.gateway.index_scan import scan_index
from penstock.gateway.json_in import read_struct
from penstock.gateway.reads import View, check_part
from penstock.gateway.routes.wf_runs import RUN, known_run
from penstock.gateway.says import (
    LIMIT,
    PAGE_DEFAULT,
    PAGE_MAX,
    WAIT_MS,
    WAIT_MS_MAX,
    Param,
    finds,
    reads,
    sends,
)
from penstock.gateway.spread import paged
from penstock.gateway.web import (
    command_id_of,
    gateway_of,
    int_param,
    json_answer,
    route,
    send,
    view_of_key,
    view_of_run,
)

CORRELATED: Final = "/v1/correlated-events"
ONE_CORRELATED: Final = CORRELATED + "/{event_def}/{key}"


async def put_correlated_event(request: Request) -> Response:
    """Put an event under a key."""
    caller = identify(request)
    command_id = command_id_of(request)
    command = await read_struct(request, PutCorrelatedEvent)
    return await send(request, command, caller=caller, command_id=command_id, created=201)


async def get_correlated_event(request: Request) -> Response:
    """The event that lies under a key."""
    event_def, key = _named(request)
    view, tenant = await view_of_key(request, key)
    row = view.rows.peek(CorrelatedEvent, tenant, event_def, key)
    if row is None:
        refuse(Code.CORRELATED_EVENT_UNKNOWN, f"there is no {event_def!r} under the key {key!r}")
    return json_answer(
        render.correlated_event(shown_correlated_event(view.rows, row)), position=view.position
    )


async def find_correlated_events(request: Request) -> Response:
    """Events that lie under keys, by partition, definition and key."""
    reads, caller = gateway_of(request).reads, identify(request)
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    asked = filters_in(request.query_params, CorrelatedEventFilters)
    after_ms, before_ms = asked.get("started_after"), asked.get("started_before")
    of = () if "event_def" not in asked else (check_part("event_def", asked["event_def"]),)

    def found(view: View, row: CorrelatedEvent) -> render.Json | None:
        early = after_ms is not None and row.put_ms < after_ms
        late = before_ms is not None and row.put_ms >= before_ms
        if early or late or not caller.sees(Resource.EXTERNAL_EVENT, row.event_def):
            return None
        return render.correlated_event(shown_correlated_event(view.rows, row))

    def read(page: Filling, cursor: str | None, end: int) -> str | None:
        prefix = CorrelatedEvent.key(caller.tenant, *of)
        return scan_index(reads, CorrelatedEvent, prefix, found, page=page, cursor=cursor, end=end)

    return await paged(request, read, limit)


async def delete_correlated_event(request: Request) -> Response:
    """Take an event away from its key."""
    event_def, key = _named(request)
    command = DeleteCorrelatedEvent(event_def=event_def, key=key)
    caller = identify(request)
    return await send(request, command, caller=caller, command_id=command_id_of(request))


async def workflow_events(request: Request) -> Response:
    """The events that a run has thrown, of the kinds `def` names (of all, if none is named), from
    number `from` on. With `wait_ms`, as soon as there is one, or when the time is over.
    """
    wait_ms = int_param(request, "wait_ms", 0, low=0, high=WAIT_MS_MAX)
    first = int_param(request, "from", 0, low=0, high=INT_MAX)
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    wanted = frozenset(request.query_params.getlist("def"))
    view, tenant, wf_run_id = await view_of_run(request)
    run = known_run(view, tenant, wf_run_id)

    def look(view: View) -> tuple[View, list[WorkflowEvent]] | None:
        start = WorkflowEvent.key(tenant, wf_run_id, first)
        end = after_prefix(WorkflowEvent.key(tenant, wf_run_id))
        rows = (row for _, row in view.rows.range(WorkflowEvent, start, end))
        found = list(islice((row for row in rows if _is_of(row, wanted)), limit))
        return (view, found) if found else None

    seen = await run_in_threadpool(look, view)
    if seen is None and wait_ms:
        reads, number = gateway_of(request).reads, view.position.partition
        seen = await reads.until(number, run.own_key(), look, wait_ms / 1_000)
    view, found = seen or (view, [])
    items = [render.workflow_event(shown_workflow_event(view.rows, row)) for row in found]
    return json_answer({"items": items}, position=view.position)


def _is_of(row: WorkflowEvent, wanted: frozenset[str]) -> bool:
    return not wanted or row.workflow_event_def in wanted


def _named(request: Request) -> tuple[str, str]:
    return request.path_params["event_def"], request.path_params["key"]


FROM: Final = Param("from", Annotated[int, Meta(ge=0, le=INT_MAX)], "The first number wanted.")
DEF: Final = Param("def", list[str], "Only events of these WorkflowEventDefs.")
ROUTES: Final = [
    route(
        "POST", CORRELATED, put_correlated_event, sends(PutCorrelatedEvent, EventPut, status=201)
    ),
    route(
        "GET",
        CORRELATED,
        find_correlated_events,
        finds(CorrelatedEventShown, *params_of(CorrelatedEventFilters)),
    ),
    route("GET", ONE_CORRELATED, get_correlated_event, reads(CorrelatedEventShown)),
    route("DELETE", ONE_CORRELATED, delete_correlated_event, sends(gives=EventPut)),
    route(
        "GET",
        RUN + "/workflow-events",
        workflow_events,
        reads(Items[WorkflowEventShown], FROM, DEF, LIMIT, WAIT_MS),
    ),
]
