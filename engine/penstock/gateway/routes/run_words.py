"""The logs of a run, read or followed, and its metrics."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.common import Excerpt
from penstock.contracts.answers.measured import MetricShown
from penstock.contracts.answers.runs import Level, LogShown
from penstock.contracts.answers.streams import AllTold
from penstock.contracts.filters import SeriesFilters
from penstock.core.ids import root_of
from penstock.core.state.regions import family_region
from penstock.core.state.run import WfRun
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.views.filling import PAGE_BYTES_MAX, fitting
from penstock.core.views.seen import LogLine
from penstock.gateway.dialects import Dialect, dialect_of, seen_of
from penstock.gateway.errors import bad_request
from penstock.gateway.filters import params_of
from penstock.gateway.reads import NewerTurns, View, check_part
from penstock.gateway.routes.wf_runs import RUN, known_run
from penstock.gateway.run_words import (
    LEVELS,
    LINES_MAX,
    Asked,
    Measure,
    Place,
    lines_of,
    measures_of,
    pieces_of,
)
from penstock.gateway.says import AT_LEAST, VIEW, Param, follows, reads
from penstock.gateway.sent_events import Events, event
from penstock.gateway.streams import QUIET_S, streamed
from penstock.gateway.web import (
    Gateway,
    gateway_of,
    int_param,
    json_answer,
    route,
    searched,
    sees_run,
    view_of_run,
)

ATTEMPT_MAX: Final = 2**31
PAUSE_S: Final = 0.2
"""How long writes are gathered before they are looked at: others write to the partition, too."""


async def logs(request: Request) -> Response:
    """The lines of the logs, in the order of time."""
    dialect, asked = dialect_of(request), _asked(request)
    view, tenant, wf_run_id = await view_of_run(request)
    seen = seen_of(view, known_run(view, tenant, wf_run_id))
    lines, whole = await searched(request, lines_of, dialect, seen, asked)
    items = [dialect.log(seen, line) for line in lines]
    return json_answer({"items": items, "truncated": not whole}, position=view.position)


async def metrics(request: Request) -> Response:
    """What the attempts have measured."""
    dialect, asked = dialect_of(request), _asked(request)
    measure = Measure.of(request.query_params)
    view, tenant, wf_run_id = await view_of_run(request)
    seen = seen_of(view, known_run(view, tenant, wf_run_id))

    def read() -> tuple[list[dict[str, object]], bool]:
        found = (
            (of, series)
            for of, measured in measures_of(dialect, seen, asked.task_run)
            if asked.wants_attempt(of)
            for series in measured
            if measure.wants(series)
        )
        return fitting(dialect.metric(seen, *one) for one in islice(found, LINES_MAX + 1))

    items, fit = await searched(request, read)
    body = {"items": items[:LINES_MAX], "truncated": not fit or len(items) > LINES_MAX}
    return json_answer(body, position=view.position)


async def follow(request: Request) -> Response:
    """The lines as they come, as server-sent events: `log` for each, `end` when the run has ended
    and all is told.
    """
    dialect, asked = dialect_of(request), _asked(request)
    view, tenant, wf_run_id = await view_of_run(request)
    known_run(view, tenant, wf_run_id)
    events = _events(gateway_of(request), dialect, asked, (tenant, wf_run_id), view)
    return streamed(request, events, sees_run(request, view.position.partition, wf_run_id))


async def _events(
    gateway: Gateway, dialect: Dialect, asked: Asked, of: tuple[str, str], view: View
) -> Events:
    told: set[Place] = set()
    tenant, wf_run_id = of
    number, region = view.position.partition, family_region(tenant, root_of(wf_run_id))
    while not gateway.watch.closing:
        run, whole = view.rows.peek(WfRun, *of), False
        while run is not None and not whole:
            lines, whole = await run_in_threadpool(_new_lines, dialect, asked, view, run, told)
            for line in lines:
                yield b"event: log\ndata: " + line + b"\n\n"
        if run is None or run.status not in THREAD_LIVE:
            yield event("end", {})
            return
        newer = NewerTurns(gateway.reads, view, region)
        while await gateway.watch.until(number, newer.look, QUIET_S) is None:
            if gateway.watch.closing:
                return
        await asyncio.sleep(PAUSE_S)
        view = gateway.reads.view(number)


def _new_lines(
    dialect: Dialect, asked: Asked, view: View, run: WfRun, told: set[Place]
) -> tuple[list[bytes], bool]:
    """Lines that were not told, as many as are held at once, and whether these are all."""
    seen = seen_of(view, run)
    found: list[LogLine] = []
    whole, chars = True, 0
    for place, lines in pieces_of(dialect, seen, asked, told):
        if chars > PAGE_BYTES_MAX:
            whole = False
            break
        told.add(place)
        found += lines
        chars += sum(len(line.message) for line in lines)
    found.sort(key=lambda line: line.at_ms)
    return [msgspec.json.encode(dialect.log(seen, line)) for line in found], whole


def _asked(request: Request) -> Asked:
    level = request.query_params.get("min_level", LEVELS[0])
    if level not in LEVELS:
        raise bad_request(f"parameter `min_level` must be one of {', '.join(LEVELS)}")
    task_run = request.query_params.get("task_run")
    attempt = None
    if "attempt" in request.query_params:
        attempt = int_param(request, "attempt", 0, low=0, high=ATTEMPT_MAX)
    return Asked(
        min_level=level,
        task_run=None if task_run is None else check_part("task_run", task_run),
        task=request.query_params.get("task"),
        task_def=request.query_params.get("task_def"),
        attempt=attempt,
    )


OF_ATTEMPTS: Final = (
    VIEW,
    Param("task_run", str, "Only this task run, by its id in the view, or by its guid."),
    Param("task", str, "Only task runs of this node."),
    Param("task_def", str, "Only task runs of this TaskDef."),
    Param("attempt", Annotated[int, Meta(ge=0, le=ATTEMPT_MAX)], "Only this attempt."),
)
LINES: Final = (
    *OF_ATTEMPTS,
    Param("min_level", Level, "Only lines of this level, or of a graver one."),
)
FOLLOWS: Final = follows({"log": LogShown, "end": AllTold}, *LINES, AT_LEAST)
MEASURED: Final = (*OF_ATTEMPTS, *params_of(SeriesFilters))
ROUTES: Final = [
    route("GET", RUN + "/logs", logs, reads(Excerpt[LogShown], *LINES, views=True)),
    route("GET", RUN + "/logs/follow", follow, FOLLOWS),
    route("GET", RUN + "/metrics", metrics, reads(Excerpt[MetricShown], *MEASURED, views=True)),
]
