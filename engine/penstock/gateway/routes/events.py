"""Events under keys: put, read, delete; and the events that runs throw."""

from __future__ import annotations

from asyncio import get_running_loop
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.events import CorrelatedEventShown, EventsThrown
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
from penstock.gateway.index_scan import has_read_much, scan_index
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
    waiting,
)

CORRELATED: Final = "/v1/correlated-events"
EVENTS_PER_LOOK: Final = 2_000
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
    number `from` on. With `wait_ms`, as soon as there is one, or when the time is over. Only so
    many are looked at: then it is `truncated`, and `following` says from where to go on.
    """
    wait_ms = int_param(request, "wait_ms", 0, low=0, high=WAIT_MS_MAX)
    first = int_param(request, "from", 0, low=0, high=INT_MAX)
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    wanted = request.query_params.getlist("def")
    view, tenant, wf_run_id = await view_of_run(request)
    run = known_run(view, tenant, wf_run_id)

    thrown = Thrown(tenant, wf_run_id, first, frozenset(wanted), Filling(limit))
    await run_in_threadpool(thrown.look, view)
    if wait_ms and thrown.found_nothing:
        with waiting(request):
            view = await _thrown_later(request, thrown, view, run.own_key(), wait_ms / 1_000)
    told = {"items": thrown.page.items, "truncated": thrown.truncated, "following": thrown.next}
    return json_answer(told, position=view.position)


async def _thrown_later(
    request: Request, thrown: Thrown, view: View, key: bytes, wait_s: float
) -> View:
    """The view that has what was waited for, or the last one that was looked at. On the event loop
    it is only seen whether there is another event; it is looked at in a thread.
    """
    reads, number, loop = gateway_of(request).reads, view.position.partition, get_running_loop()
    deadline = loop.time() + wait_s
    while thrown.found_nothing:
        newer = await reads.until(number, key, thrown.has_more, deadline - loop.time())
        if newer is None:
            break
        view = newer
        await run_in_threadpool(thrown.look, view)
    return view


@dataclass(slots=True)
class Thrown:
    """The events of a run from number `next` on, as far as they were looked at; none is looked at
    twice. It is `truncated` if a look has ended before the last one.
    """

    tenant: str
    wf_run_id: str
    next: int
    wanted: frozenset[str]
    page: Filling
    truncated: bool = False

    @property
    def found_nothing(self) -> bool:
        """Whether all were looked at, and none is wanted."""
        return not self.page.items and not self.truncated

    def has_more(self, view: View) -> View | None:
        """The view, if there is an event that was not looked at."""
        return None if view.view.first_key(*self._range()) is None else view

    def look(self, view: View) -> None:
        """Look at those that there are, or at the first of them."""
        for looked_at, (_, row) in enumerate(view.rows.range(WorkflowEvent, *self._range())):
            much = looked_at == EVENTS_PER_LOOK or (looked_at and has_read_much(view))
            if much or not self.page.left:
                self.truncated = True
                return
            self.next = row.number + 1
            if not self.wanted or row.workflow_event_def in self.wanted:
                self.page.add(render.workflow_event(shown_workflow_event(view.rows, row)))

    def _range(self) -> tuple[bytes, bytes]:
        of_run = self.tenant, self.wf_run_id
        return WorkflowEvent.key(*of_run, self.next), after_prefix(WorkflowEvent.key(*of_run))


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
        reads(EventsThrown, FROM, DEF, LIMIT, WAIT_MS),
    ),
]
