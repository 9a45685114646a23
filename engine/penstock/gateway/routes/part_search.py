"""What stands in runs, found across runs: a route for each kind (part_search.py)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from penstock.contracts.answers.common import FoundInRuns
from penstock.gateway.filters import params_of
from penstock.gateway.part_search import PARTS, PartKind, PartSearch, parts_in
from penstock.gateway.run_window import newest, page_of
from penstock.gateway.says import CURSOR, LIMIT, PAGE_DEFAULT, PAGE_MAX, Says
from penstock.gateway.spread import everywhere
from penstock.gateway.web import int_param, route
from penstock.gateway.windowed import window_answer, window_of


def _route_of(kind: PartKind) -> BaseRoute:
    async def find(request: Request) -> Response:
        limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
        window = window_of(request, PartSearch.of(kind, request.query_params), ordered=True)
        found = await everywhere(
            request,
            lambda numbers: newest(window, parts_in(kind, window, numbers), limit),
            numbers=window.begins,
            searches=True,
        )
        if isinstance(found, Response):
            return found
        return window_answer(window, found, *page_of(found.items, window, limit))

    query = (*params_of(kind.table), CURSOR, LIMIT)
    says = Says(about=kind.about, gives=FoundInRuns[kind.found], query=query)
    return route("GET", kind.path, find, says)


ROUTES: Final = [_route_of(kind) for kind in PARTS]
