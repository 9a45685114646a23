"""WfRuns: start, put events; get one, wait for its end, list them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as replace_rows
from functools import partial
from typing import Any, Final, Literal, TypeVar, get_args

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.runs import WfRunsFound, WfRunShown
from penstock.contracts.answers.told import EventPut, RunStarted
from penstock.contracts.filters import RunFilters, VariableFilters
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.principals import Action, Resource
from penstock.core.errors import Code, refuse
from penstock.core.ids import wf_run_id_of
from penstock.core.state.run import WfRun
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.views.filling import Filling
from penstock.gateway.auth import identify
from penstock.gateway.dialects import dialect_of, seen_of
from penstock.gateway.errors import ApiError, EdgeCode, bad_request
from penstock.gateway.filters import params_of
from penstock.gateway.index_scan import has_read_much
from penstock.gateway.json_in import read_struct
from penstock.gateway.newest_runs import RunSearch, runs_in
from penstock.gateway.past import rows_as_of, run_as_of, until_of
from penstock.gateway.reads import View
from penstock.gateway.run_scan import RunPlace, runs_of
from penstock.gateway.run_window import newest, page_of
from penstock.gateway.says import (
    AT,
    CURSOR,
    LIMIT,
    PAGE_DEFAULT,
    PAGE_MAX,
    VIEW,
    WAIT_MS,
    WAIT_MS_MAX,
    Param,
    Says,
    reads,
    sends,
)
from penstock.gateway.spread import everywhere, paged
from penstock.gateway.web import (
    Gateway,
    command_id_of,
    gateway_of,
    int_param,
    json_answer,
    route,
    searched,
    send,
    view_of_run,
    waiting,
)
from penstock.gateway.wf_run_search import Search, search
from penstock.gateway.windowed import window_answer, window_of
from penstock.processor.past import Past
from penstock.processor.past_records import PastUnknown

T = TypeVar("T")

Flag = Literal["true", "false"]
WHOLE_MAX: Final = 50_000
"""Records that are folded for one request, where a run's own turns do not say all."""


RUNS_LOOKED_AT_MAX: Final = 5_000  # for one page: more than it may have
NEWEST: Final = "newest"
OF_NEWEST: Final = frozenset({"order", *(one.name for one in params_of(RunFilters))})


async def run_wf(request: Request) -> Response:
    """Start a run. Without an id of its own it gets the one that its command id stands for."""
    caller = identify(request)
    command_id = command_id_of(request)
    command = await read_struct(request, RunWf)
    if command.wf_run_id is None:
        command = replace(command, wf_run_id=wf_run_id_of(caller.tenant, command_id))
    return await send(request, command, caller=caller, command_id=command_id, created=201)


async def get_wf_run(request: Request) -> Response:
    """A run with its threads (of more than 1,000, or of large ones, the first); with
    `brief=true` without them; with `until=ended`, once it has ended or `wait_ms` are over; with
    `at`, as it was then.
    """
    if "at" in request.query_params:
        return await told_from_the_log(request, run_as_of)
    dialect, until = dialect_of(request), request.query_params.get("until")
    if until not in (None, "ended"):
        raise bad_request("parameter `until` must be `ended`, or not be there")
    is_brief = request.query_params.get("brief", "false")
    if is_brief not in get_args(Flag):
        raise bad_request("parameter `brief` must be `true` or `false`")
    wait_ms = int_param(request, "wait_ms", 0, low=0, high=WAIT_MS_MAX)
    view, tenant, wf_run_id = await view_of_run(request)
    run = known_run(view, tenant, wf_run_id)
    if until is not None and wait_ms and run.status in THREAD_LIVE:
        with waiting(request):
            ended = await _ended(gateway_of(request), view.position.partition, run, wait_ms / 1_000)
        view = ended or gateway_of(request).reads.view(view.position.partition)
        run = known_run(view, tenant, wf_run_id)
    show = dialect.brief if is_brief == "true" else dialect.wf_run
    shown = await run_in_threadpool(show, seen_of(view, run))
    return json_answer(shown, position=view.position)


async def told_from_the_log(request: Request, tell: Callable[..., Any]) -> Response:
    """What a fold of the run's past says, up to the moment that `at` names, to a caller who sees
    whatever is told.
    """
    view, _, told = await past_of_run(request, tell)
    return json_answer(told, position=view.position)


async def past_of_run(request: Request, tell: Callable[..., T]) -> tuple[View, str, T]:
    """The run's partition, the run's id, and what is told of its past."""
    if "view" in request.query_params:
        raise bad_request("`view` shows runs as they are now; leave it out, or leave `at` out")
    gateway, at = gateway_of(request), request.query_params.get("at")
    view, tenant, wf_run_id = await view_of_run(request)
    number = view.position.partition
    until_of(at, number)  # before anything is read
    sees = partial(identify(request).sees, Resource.WORKFLOW)
    past = Past(
        log=gateway.log,
        avro=gateway.avro,
        topics=gateway.topics,
        number=number,
        view=view.view,
        whole_max=WHOLE_MAX,
    )
    try:
        told = await searched(request, tell, past, tenant, wf_run_id, at, number, sees)
    except PastUnknown as error:
        raise ApiError(EdgeCode.PAST_UNKNOWN, str(error)) from error
    return view, wf_run_id, told


async def view_of_run_at(request: Request) -> tuple[View, str, str]:
    """The run's partition, tenant and run id; with `at`, with the rows as they were then."""
    if "at" not in request.query_params:
        return await view_of_run(request)
    view, wf_run_id, rows = await past_of_run(request, rows_as_of)
    return replace_rows(view, rows=rows), identify(request).tenant, wf_run_id


async def _ended(gateway: Gateway, number: int, run: WfRun, wait_s: float) -> View | None:
    """A view in which the run has ended."""
    key = run.own_key()

    def look(view: View) -> View | None:
        row = view.view.get(WfRun, key)
        return None if row is not None and row.status in THREAD_LIVE else view

    return await gateway.reads.until(number, key, look, wait_s)


def known_run(view: View, tenant: str, wf_run_id: str) -> WfRun:
    """The run, or a refusal."""
    run = view.rows.peek(WfRun, tenant, wf_run_id)
    if run is None:
        refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {wf_run_id!r}")
    return run


async def put_external_event(request: Request) -> Response:
    """Put an event to a run."""
    caller = identify(request)
    command_id = command_id_of(request)
    command = await read_struct(request, PutExternalEvent)
    return await send(request, command, caller=caller, command_id=command_id, created=201)


async def list_wf_runs(request: Request) -> Response:
    """Runs: those that the filters name, newest first within a window. Without filters, or by the
    value of a `variable`, they come by partition and id; without filters `order` says otherwise.
    """
    asked = Search.of(request.query_params)
    if asked is None and not OF_NEWEST.isdisjoint(request.query_params):
        return await newest_wf_runs(request)
    reads, caller, dialect = gateway_of(request).reads, identify(request), dialect_of(request)
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    if asked is not None:
        caller.check(Action.READ, Resource.WORKFLOW, asked.wf_spec)

    def show(view: View, run: WfRun) -> Any:
        return dialect.head(seen_of(view, run))

    def read(page: Filling, cursor: str | None, end: int) -> str | None:
        if asked is not None:
            return search(reads, caller.tenant, asked, show, page=page, cursor=cursor, end=end)
        runs = runs_of(reads, caller.tenant, RunPlace.of(cursor), end)
        for looked_at, (place, view, run) in enumerate(runs, 1):
            if caller.sees(Resource.WORKFLOW, run.wf_spec):
                page.add(show(view, run))
            if not page.left or looked_at == RUNS_LOOKED_AT_MAX or has_read_much(view):
                return place.text
        return None

    return await paged(request, read, limit)


async def newest_wf_runs(request: Request) -> Response:
    """Runs, newest first."""
    if request.query_params.get("order", NEWEST) != NEWEST:
        raise bad_request(f"parameter `order` can be `{NEWEST}`, or be left out")
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    asked = RunSearch.of(request.query_params)
    dialect, window = dialect_of(request), window_of(request, asked, ordered=True)
    window.enough = limit  # a page, however many runs there are
    found = await everywhere(
        request,
        lambda numbers: newest(window, runs_in(window, dialect, numbers), limit),
        numbers=window.begins,
        searches=True,
    )
    if isinstance(found, Response):
        return found
    return window_answer(window, found, *page_of(found.items, window, limit))


RUN: Final = "/v1/wf-runs/{wf_run_id}"
UNTIL: Final = Param("until", Literal["ended"], "Wait until the run has ended, or is over time.")
FINDS: Final = Says(
    gives=WfRunsFound,
    query=(
        VIEW,
        *params_of(VariableFilters, RunFilters),
        Param("order", Literal["newest"], "Newest first, also without filters."),
        LIMIT,
        CURSOR,
    ),
    views=True,
    also=(404,),
)
BRIEF: Final = Param("brief", Flag, "Without what stands in the run, which may be much.")
GETS: Final = reads(WfRunShown, VIEW, BRIEF, UNTIL, WAIT_MS, AT, views=True, also=(409,))
ROUTES: Final = [
    route("POST", "/v1/wf-runs", run_wf, sends(RunWf, RunStarted, status=201)),
    route("GET", "/v1/wf-runs", list_wf_runs, FINDS),
    route("GET", RUN, get_wf_run, GETS),
    route(
        "POST",
        "/v1/external-events",
        put_external_event,
        sends(PutExternalEvent, EventPut, status=201),
    ),
]
