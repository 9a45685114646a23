"""Task runs across runs: found, newest first, and counted by day."""

from __future__ import annotations

import time
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.rows import Rows
from penstock.core.state.run import WfRun
from penstock.core.views.seen import Seen
from penstock.gateway.auth import identify
from penstock.gateway.dialects import dialect_of
from penstock.gateway.run_scan import RunPlace
from penstock.gateway.task_run_search import Mark, Search, Window, count_by_day, search
from penstock.gateway.web import PAGE_MAX, gateway_of, int_param, json_answer, route

LIMIT_DEFAULT: Final = 25


async def find(request: Request) -> Response:
    """Task runs of the partitions that are open here, newest first within a window."""
    limit = int_param(request, "limit", LIMIT_DEFAULT, low=1, high=PAGE_MAX)
    window, mark = _window(request)
    items, cursor = await run_in_threadpool(search, window, mark.last, limit)
    return json_answer({"items": items, "cursor": cursor, "whole": _is_whole(window)})


async def per_day(request: Request) -> Response:
    """How many began on each day, by state."""
    window, _ = _window(request)
    items, cursor = await run_in_threadpool(count_by_day, window)
    return json_answer({"items": items, "cursor": cursor, "whole": _is_whole(window)})


def _window(request: Request) -> tuple[Window, Mark]:
    now_ms = int(time.time() * 1_000)

    def seen_of(rows: Rows, run: WfRun, spec: WfSpec, partition: int) -> Seen:
        return Seen(rows, run, spec, partition, now_ms)

    mark = Mark.of(request.query_params.get("cursor"))
    window = Window(
        reads=gateway_of(request).reads,
        tenant=identify(request).tenant,
        dialect=dialect_of(request),
        asked=Search.of(request.query_params),
        seen_of=seen_of,
        begin=RunPlace(mark.number, mark.after),
    )
    return window, mark


def _is_whole(window: Window) -> bool:
    """Whether the window was all there is."""
    return window.begin == RunPlace() and window.ended_at is None


ROUTES: Final = [
    route("GET", "/v1/task-runs", find),
    route("GET", "/v1/task-runs/per-day", per_day),
]
