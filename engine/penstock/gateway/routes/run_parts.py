"""What a run is made of: its node runs, task runs, variables, events, and the history told from
them.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.core.errors import Code, refuse
from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.facts import AuditEntry, HistoryChunk
from penstock.core.state.run import NodeRun, PastAttempt, TaskRun, ThreadRun, Variable
from penstock.core.views.shown import (
    shown_event,
    shown_node,
    shown_variable,
)
from penstock.gateway import render
from penstock.gateway.dialects import dialect_of, seen_of
from penstock.gateway.history import RunRows, facts_of
from penstock.gateway.reads import View, check_part
from penstock.gateway.routes.wf_runs import RUN, known_run
from penstock.gateway.web import (
    PAGE_DEFAULT,
    PAGE_MAX,
    cursor_bytes,
    cursor_text,
    int_param,
    json_answer,
    listed,
    page,
    route,
    view_of_run,
)

HISTORY_NODES_MAX: Final = 10_000


async def node_runs(request: Request) -> Response:
    """The node runs, by thread and position."""
    view, tenant, wf_run_id = await view_of_run(request)
    run = known_run(view, tenant, wf_run_id)
    rows, cursor = await run_in_threadpool(page, request, view, NodeRun, tenant, wf_run_id)
    items = [render.node_run(shown_node(view.rows, run, row)) for row in rows]
    return listed(items, cursor, view.position)


async def node_run(request: Request) -> Response:
    """One node run."""
    view, tenant, wf_run_id = await view_of_run(request)
    run = known_run(view, tenant, wf_run_id)
    thread, position = request.path_params["thread"], request.path_params["position"]
    row = None
    if max(thread, position) < 2**63:
        row = view.rows.peek(NodeRun, tenant, wf_run_id, thread, position)
    if row is None:
        refuse(
            Code.NODE_RUN_UNKNOWN,
            f"WfRun {wf_run_id!r} has no node run {position} in thread {thread}",
        )
    return json_answer(render.node_run(shown_node(view.rows, run, row)), position=view.position)


async def task_runs(request: Request) -> Response:
    """The task runs with all their attempts."""
    dialect = dialect_of(request)
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    cursor = request.query_params.get("cursor")
    after = None if cursor is None else cursor_bytes(cursor).decode(errors="replace")
    view, tenant, wf_run_id = await view_of_run(request)
    seen = seen_of(view, known_run(view, tenant, wf_run_id))

    def read() -> tuple[list[render.Json], str | None]:
        found = list(islice(dialect.task_runs(seen, after), limit + 1))
        more = len(found) > limit
        following = cursor_text(found[limit - 1].place.encode()) if more else None
        return [one.as_json() for one in found[:limit]], following

    items, following = await run_in_threadpool(read)
    return listed(items, following, view.position)


async def task_run(request: Request) -> Response:
    """One task run."""
    dialect = dialect_of(request)
    task_run_id = check_part("task run", request.path_params["task_run"])
    view, tenant, wf_run_id = await view_of_run(request)
    seen = seen_of(view, known_run(view, tenant, wf_run_id))
    found = await run_in_threadpool(dialect.task_run, seen, task_run_id)
    if found is None:
        refuse(Code.TASK_RUN_UNKNOWN, f"WfRun {wf_run_id!r} has no task run {task_run_id[:60]!r}")
    return json_answer(await run_in_threadpool(found.as_json), position=view.position)


async def variables(request: Request) -> Response:
    """The variables of all threads; masked ones as `*****`."""
    view, tenant, wf_run_id = await view_of_run(request)
    run = known_run(view, tenant, wf_run_id)
    rows, cursor = await run_in_threadpool(page, request, view, Variable, tenant, wf_run_id)
    items = [render.variable(shown_variable(view.rows, run, row)) for row in rows]
    return listed(items, cursor, view.position)


async def external_events(request: Request) -> Response:
    """The events put to the run; they may be there before the run is."""
    view, tenant, wf_run_id = await view_of_run(request)
    rows, cursor = await run_in_threadpool(page, request, view, ExternalEvent, tenant, wf_run_id)
    items = [render.external_event(shown_event(view.rows, row)) for row in rows]
    return listed(items, cursor, view.position)


async def history(request: Request) -> Response:
    """The run's story; of a very long one, the beginning."""
    view, tenant, wf_run_id = await view_of_run(request)
    run_rows = RunRows(known_run(view, tenant, wf_run_id))
    facts, whole = await run_in_threadpool(_story, view, tenant, run_rows)
    return json_answer({"items": facts, "truncated": not whole}, position=view.position)


def _story(view: View, tenant: str, rows: RunRows) -> tuple[list[render.Json], bool]:
    wf_run_id = rows.run.wf_run_id
    nodes = view.rows.scan(NodeRun, tenant, wf_run_id)
    rows.nodes = list(islice(nodes, HISTORY_NODES_MAX))
    whole = next(nodes, None) is None
    rows.threads = list(view.rows.scan(ThreadRun, tenant, wf_run_id))
    rows.events = list(islice(view.rows.scan(ExternalEvent, tenant, wf_run_id), HISTORY_NODES_MAX))
    rows.chunks = list(islice(view.rows.scan(HistoryChunk, tenant, wf_run_id), HISTORY_NODES_MAX))
    rows.audit = list(islice(view.rows.scan(AuditEntry, tenant, wf_run_id), HISTORY_NODES_MAX))
    for node in rows.nodes:
        task = view.rows.peek(TaskRun, tenant, wf_run_id, node.task) if node.task else None
        if task is not None and task.position == node.position:
            rows.tasks.append(task)
            rows.past += view.rows.scan(PastAttempt, tenant, wf_run_id, task.guid)
    return facts_of(rows), whole


ROUTES: Final = [
    route("GET", RUN + "/node-runs", node_runs),
    route("GET", RUN + "/node-runs/{thread:int}/{position:int}", node_run),
    route("GET", RUN + "/task-runs", task_runs),
    route("GET", RUN + "/task-runs/{task_run}", task_run),
    route("GET", RUN + "/variables", variables),
    route("GET", RUN + "/external-events", external_events),
    route("GET", RUN + "/history", history),
]
