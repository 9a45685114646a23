"""How many there are of what stands in runs, by the filters of a search: a window of runs at a
time, as the search looks (run_window.py), or for values of variables a part of their index.

What a count costs is bounded as a page of the search is. So one may be a lower bound, and says so;
its cursor has what it did not look at counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from penstock.contracts.answers.common import Counted
from penstock.contracts.filters import RunSearch as RunTable
from penstock.contracts.filters import TaskRunFilters
from penstock.core.definitions.principals import Action, Resource
from penstock.core.flow.run_filter import OfRuns
from penstock.core.views.seen import Json
from penstock.gateway.auth import identify
from penstock.gateway.cursors import cursor_text
from penstock.gateway.dialects import dialect_of
from penstock.gateway.filters import params_of
from penstock.gateway.newest_runs import RunSearch, runs_in
from penstock.gateway.part_search import PARTS, PartKind, PartSearch, parts_in
from penstock.gateway.run_window import Found, Window, next_window
from penstock.gateway.says import CURSOR, VIEW, Says
from penstock.gateway.spread import Everywhere, everywhere
from penstock.gateway.task_run_search import Search as TaskRunSearch
from penstock.gateway.task_run_search import task_runs_in
from penstock.gateway.web import gateway_of, json_answer, route
from penstock.gateway.wf_run_search import Search, begins_of, count_in
from penstock.gateway.windowed import window_of

PATH: Final = "/v1/counts"


async def wf_runs(request: Request) -> Response:
    """How many runs there are that the filters name."""
    dialect = dialect_of(request)
    asked = Search.of(request.query_params)
    if asked is None:
        return await _in_window(
            request,
            RunSearch.of(request.query_params),
            lambda window, numbers: runs_in(window, dialect, numbers),
        )
    caller, reads = identify(request), gateway_of(request).reads
    caller.check(Action.READ, Resource.WORKFLOW, asked.wf_spec)
    begins = begins_of(request.query_params.get("cursor"), reads.partitions)
    found = await everywhere(
        request,
        lambda numbers: count_in(reads, caller.tenant, asked, begins, numbers),
        numbers=begins,
        searches=True,
    )
    if isinstance(found, Response):
        return found
    places = [one["goes_on"] for one in found.items if "goes_on" in one]
    return _answer(found, cursor_text(msgspec.json.encode(sorted(places))) if places else None)


async def task_runs(request: Request) -> Response:
    """How many task runs there are that the filters name."""
    dialect = dialect_of(request)
    return await _in_window(
        request,
        TaskRunSearch.of(request.query_params, dialect),
        lambda window, numbers: task_runs_in(window, dialect, numbers),
    )


async def _in_window(
    request: Request,
    asked: OfRuns,
    find: Callable[[Window[Any], Iterable[int]], Iterable[Found]],
) -> Response:
    """How many there are in the window that a request stands at."""
    window = window_of(request, asked)

    def read(numbers: list[int]) -> list[Json]:
        count = sum(1 for _ in find(window, numbers))
        return [{"count": count}, *window.ends()]

    found = await everywhere(request, read, numbers=window.begins, searches=True)
    if isinstance(found, Response):
        return found
    return _answer(found, next_window(found.items), cut=any("cut" in one for one in found.items))


def _answer(found: Everywhere, cursor: str | None, *, cut: bool = False) -> Response:
    body: Json = {
        "count": sum(one.get("count", 0) for one in found.items),
        "lower_bound": cursor is not None or cut or bool(found.missing),
        "cursor": cursor,
    }
    return json_answer(body | ({"missing": sorted(found.missing)} if found.missing else {}))


def _of_kind(kind: PartKind) -> BaseRoute:
    async def parts(request: Request) -> Response:
        return await _in_window(
            request,
            PartSearch.of(kind, request.query_params),
            lambda window, numbers: parts_in(kind, window, numbers),
        )

    path = PATH + kind.path.removeprefix("/v1")
    says = Says(about=f"How many there are. {kind.about}", gives=Counted, query=_query(kind.table))
    return route("GET", path, parts, says)


def _query(table: type) -> Any:
    return (*params_of(table), CURSOR)


ROUTES: Final = [
    route(
        "GET",
        PATH + "/wf-runs",
        wf_runs,
        Says(gives=Counted, query=(VIEW, *_query(RunTable)), also=(404,)),
    ),
    route(
        "GET",
        PATH + "/task-runs",
        task_runs,
        Says(gives=Counted, query=(VIEW, *_query(TaskRunFilters))),
    ),
    *(_of_kind(kind) for kind in PARTS),
]
