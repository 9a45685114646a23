"""Task runs across runs: found, newest first, and counted by day."""

from __future__ import annotations

import time
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.common import Time
from penstock.contracts.answers.runs import DaysCounted, TaskRunsFound
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.rows import Rows
from penstock.core.state.run import WfRun
from penstock.core.views.seen import Json, Seen
from penstock.gateway.auth import identify
from penstock.gateway.dialects import dialect_of
from penstock.gateway.says import CURSOR, LIMIT, PAGE_MAX, VIEW, Param, Says
from penstock.gateway.spread import Everywhere, answer_of, everywhere
from penstock.gateway.task_run_search import (
    Mark,
    Search,
    Window,
    by_day,
    counts,
    newest,
    next_window,
    page_of,
)
from penstock.gateway.web import gateway_of, int_param, route

LIMIT_DEFAULT: Final = 25


async def find(request: Request) -> Response:
    """Task runs, newest first within a window."""
    limit = int_param(request, "limit", LIMIT_DEFAULT, low=1, high=PAGE_MAX)
    window = _window(request)
    found = await everywhere(
        request, lambda numbers: newest(window, numbers, limit), numbers=window.begins
    )
    if isinstance(found, Response):
        return found
    items, cursor = page_of(found.items, window.mark, limit)
    return _answer(window, found, items, cursor)


async def per_day(request: Request) -> Response:
    """How many began on each day, by state."""
    window = _window(request)
    found = await everywhere(
        request, lambda numbers: counts(window, numbers), numbers=window.begins
    )
    if isinstance(found, Response):
        return found
    return _answer(window, found, by_day(found.items), next_window(found.items))


def _window(request: Request) -> Window:
    now_ms = int(time.time() * 1_000)

    def seen_of(rows: Rows, run: WfRun, spec: WfSpec, partition: int) -> Seen:
        return Seen(rows, run, spec, partition, now_ms)

    return Window(
        reads=gateway_of(request).reads,
        tenant=identify(request).tenant,
        dialect=dialect_of(request),
        asked=Search.of(request.query_params),
        seen_of=seen_of,
        mark=Mark.of(request.query_params.get("cursor")),
    )


def _answer(window: Window, found: Everywhere, items: list[Json], cursor: str | None) -> Response:
    """With whether the window was all there is."""
    whole = window.mark.begins is None and next_window(found.items) is None
    return answer_of(items, cursor, found.missing, whole=whole and not found.missing)


SEARCH: Final = (
    VIEW,
    Param("q", str, "What is in a name or an id, in any case of letters."),
    Param("namespace", str, "Of WfSpecs in this namespace, or below it."),
    Param("wf_spec", str, "Of this WfSpec, with its namespace or without."),
    Param("task", str, "Of this node."),
    Param("task_def", str, "Of this TaskDef."),
    Param("state", list[str], "In one of these states, as the view names them."),
    Param("start_date", Time, "Begun at this time, or later."),
    Param("end_date", Time, "Begun before this time."),
    Param("label", list[str], "Of runs with all these labels, each as <key>:<value>."),
    Param("trigger_wf_run_id", str, "Of child runs of this run."),
    Param("child_filter", Literal["CHILD", "MAIN"], "Of child runs, or of no child runs."),
    CURSOR,
)
FOUND: Final = Says(gives=TaskRunsFound, query=(*SEARCH, LIMIT), views=True)
COUNTED: Final = Says(gives=DaysCounted, query=SEARCH, views=True)
ROUTES: Final = [
    route("GET", "/v1/task-runs", find, FOUND),
    route("GET", "/v1/task-runs/per-day", per_day, COUNTED),
]
