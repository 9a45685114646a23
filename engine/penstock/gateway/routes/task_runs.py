"""Task runs across runs: found, newest first, and counted by day."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.common import FoundInRuns
from penstock.contracts.answers.runs import DayCount, TaskRunShown
from penstock.contracts.filters import TaskRunFilters
from penstock.gateway.dialects import dialect_of
from penstock.gateway.filters import params_of
from penstock.gateway.run_window import newest, next_window, page_of
from penstock.gateway.says import CURSOR, LIMIT, PAGE_MAX, VIEW, Says
from penstock.gateway.spread import everywhere
from penstock.gateway.task_run_search import Search, by_day, counts, task_runs_in
from penstock.gateway.web import int_param, route
from penstock.gateway.windowed import window_answer, window_of

LIMIT_DEFAULT: Final = 25


async def find(request: Request) -> Response:
    """Task runs, newest first within a window."""
    limit = int_param(request, "limit", LIMIT_DEFAULT, low=1, high=PAGE_MAX)
    dialect = dialect_of(request)
    window = window_of(request, Search.of(request.query_params, dialect), ordered=True)
    found = await everywhere(
        request,
        lambda numbers: newest(window, task_runs_in(window, dialect, numbers), limit),
        numbers=window.begins,
        searches=True,
    )
    if isinstance(found, Response):
        return found
    return window_answer(window, found, *page_of(found.items, window, limit))


async def per_day(request: Request) -> Response:
    """How many began on each day, by state."""
    dialect = dialect_of(request)
    window = window_of(request, Search.of(request.query_params, dialect))
    found = await everywhere(
        request,
        lambda numbers: counts(window, dialect, numbers),
        numbers=window.begins,
        searches=True,
    )
    if isinstance(found, Response):
        return found
    return window_answer(window, found, by_day(found.items), next_window(found.items))


SEARCH: Final = (VIEW, *params_of(TaskRunFilters), CURSOR)
FOUND: Final = Says(gives=FoundInRuns[TaskRunShown], query=(*SEARCH, LIMIT), views=True)
COUNTED: Final = Says(gives=FoundInRuns[DayCount], query=SEARCH, views=True)
ROUTES: Final = [
    route("GET", "/v1/task-runs", find, FOUND),
    route("GET", "/v1/task-runs/per-day", per_day, COUNTED),
]
