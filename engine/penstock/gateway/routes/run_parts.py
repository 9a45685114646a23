"""What a run is made of: its threads, node runs, task runs, variables, events, and the history told
from them.
"""

from __future__ import annotations

from itertools import islice
from typing import Final, Literal

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.common import Excerpt
from penstock.contracts.answers.events import ExternalEventShown
from penstock.contracts.answers.runs import (
    CheckpointShown,
    NodeRunShown,
    RecordingShown,
    Story,
    TaskRunShown,
    ThreadShown,
    VariableShown,
    WaitShown,
)
from penstock.core.errors import Code, refuse
from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, Variable
from penstock.core.state.task_rows import Checkpoint
from penstock.core.views.shown import (
    shown_checkpoint,
    shown_event,
    shown_node,
    shown_variable,
)
from penstock.core.views.waits import waits_of
from penstock.gateway import render
from penstock.gateway.dialects import dialect_of, seen_of
from penstock.gateway.history import facts_of
from penstock.gateway.past import history_as_of, rows_of_run
from penstock.gateway.reads import check_part
from penstock.gateway.recorded import recording_as_of
from penstock.gateway.routes.wf_runs import (
    RUN,
    known_run,
    told_from_the_log,
    view_of_run_at,
)
from penstock.gateway.says import AT, PAGE_DEFAULT, PAGE_MAX, VIEW, Param, pages, reads
from penstock.gateway.web import (
    cursor_bytes,
    cursor_text,
    int_param,
    json_answer,
    listed,
    page,
    route,
    view_of_run,
)


async def threads(request: Request) -> Response:
    """The thread runs, by number; one that has ended is kept as long as its run."""
    view, tenant, wf_run_id = await view_of_run_at(request)
    known_run(view, tenant, wf_run_id)
    rows, cursor = await run_in_threadpool(page, request, view, ThreadRun, tenant, wf_run_id)
    return listed([render.thread_run(row) for row in rows], cursor, view.position)


async def thread(request: Request) -> Response:
    """One thread run, ended or not; of one that is `gone` only how it ended is left."""
    view, tenant, wf_run_id = await view_of_run_at(request)
    known_run(view, tenant, wf_run_id)
    number, row = request.path_params["thread"], None
    if number < 2**63:
        row = view.rows.peek(ThreadRun, tenant, wf_run_id, number)
    if row is None:
        refuse(Code.THREAD_UNKNOWN, f"WfRun {wf_run_id!r} has no thread {number}")
    return json_answer(render.thread_run(row), position=view.position)


async def node_runs(request: Request) -> Response:
    """The node runs, by thread and position."""
    view, tenant, wf_run_id = await view_of_run_at(request)
    run = known_run(view, tenant, wf_run_id)
    rows, cursor = await run_in_threadpool(page, request, view, NodeRun, tenant, wf_run_id)
    items = [render.node_run(shown_node(view.rows, run, row)) for row in rows]
    return listed(items, cursor, view.position)


async def node_run(request: Request) -> Response:
    """One node run."""
    view, tenant, wf_run_id = await view_of_run_at(request)
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
    view, tenant, wf_run_id = await view_of_run_at(request)
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
    view, tenant, wf_run_id = await view_of_run_at(request)
    seen = seen_of(view, known_run(view, tenant, wf_run_id))
    found = await run_in_threadpool(dialect.task_run, seen, task_run_id)
    if found is None:
        refuse(Code.TASK_RUN_UNKNOWN, f"WfRun {wf_run_id!r} has no task run {task_run_id[:60]!r}")
    return json_answer(await run_in_threadpool(found.as_json), position=view.position)


async def checkpoints(request: Request) -> Response:
    """What the attempts of a task run have put aside, in order; stars if it may be masked."""
    guid = check_part("task run", request.path_params["task_run"])
    view, tenant, wf_run_id = await view_of_run(request)
    known_run(view, tenant, wf_run_id)
    task = view.rows.peek(TaskRun, tenant, wf_run_id, guid)
    if task is None:
        refuse(Code.TASK_RUN_UNKNOWN, f"WfRun {wf_run_id!r} has no task run {guid[:60]!r}")
    of_task = tenant, wf_run_id, guid
    rows, cursor = await run_in_threadpool(page, request, view, Checkpoint, *of_task)
    items = [_checkpoint(shown_checkpoint(view.rows, task, row)) for row in rows]
    return listed(items, cursor, view.position)


def _checkpoint(row: Checkpoint) -> render.Json:
    return {
        "number": row.number,
        "value": row.value,
        "logs": row.logs,
        "attempt": row.attempt,
        "at": render.time_text(row.at_ms),
    }


async def variables(request: Request) -> Response:
    """The variables of all threads; masked ones as `*****`."""
    view, tenant, wf_run_id = await view_of_run_at(request)
    run = known_run(view, tenant, wf_run_id)
    rows, cursor = await run_in_threadpool(page, request, view, Variable, tenant, wf_run_id)
    items = [render.variable(shown_variable(view.rows, run, row)) for row in rows]
    return listed(items, cursor, view.position)


async def external_events(request: Request) -> Response:
    """The events put to the run; they may be there before the run is."""
    view, tenant, wf_run_id = await view_of_run_at(request)
    rows, cursor = await run_in_threadpool(page, request, view, ExternalEvent, tenant, wf_run_id)
    today, _, _ = await view_of_run(request)
    items = [render.external_event(shown_event(view.rows, row, today.rows)) for row in rows]
    return listed(items, cursor, view.position)


async def waits(request: Request) -> Response:
    """Why the run is waiting, by thread; of very many threads, the first."""
    view, tenant, wf_run_id = await view_of_run_at(request)
    seen = seen_of(view, known_run(view, tenant, wf_run_id))
    found = await run_in_threadpool(lambda: list(islice(waits_of(seen), WAITS_MAX + 1)))
    items = [render.wait(one) for one in found[:WAITS_MAX]]
    return json_answer(
        {"items": items, "truncated": len(found) > WAITS_MAX}, position=view.position
    )


async def history(request: Request) -> Response:
    """The run's story; of a very long one, the beginning. With `positions=true`, or `at`, told from
    the log: with the commands, and where each fact stands.
    """
    if request.query_params.get("positions") == "true" or "at" in request.query_params:
        return await told_from_the_log(request, history_as_of)
    view, tenant, wf_run_id = await view_of_run(request)
    run = known_run(view, tenant, wf_run_id)

    def read() -> tuple[list[render.Json], bool]:
        run_rows, whole = rows_of_run(view.rows, tenant, run)
        return facts_of(run_rows), whole

    facts, whole = await run_in_threadpool(read)
    return json_answer({"items": facts, "truncated": not whole}, position=view.position)


async def recording(request: Request) -> Response:
    """All that a fold of the run needs, to fold it again elsewhere. Masked values are not in it."""
    return await told_from_the_log(request, recording_as_of)


WAITS_MAX: Final = 200
POSITIONS: Final = Param(
    "positions", Literal["true"], "Tell it from the log: with commands and positions."
)
TASK_RUNS: Final = pages(TaskRunShown, VIEW, AT, views=True, also=(409,))
TASK_RUN: Final = reads(TaskRunShown, VIEW, AT, views=True, also=(409,))
ROUTES: Final = [
    route("GET", RUN + "/threads", threads, pages(ThreadShown, AT, also=(409,))),
    route("GET", RUN + "/threads/{thread:int}", thread, reads(ThreadShown, AT, also=(409,))),
    route("GET", RUN + "/node-runs", node_runs, pages(NodeRunShown, AT, also=(409,))),
    route(
        "GET",
        RUN + "/node-runs/{thread:int}/{position:int}",
        node_run,
        reads(NodeRunShown, AT, also=(409,)),
    ),
    route("GET", RUN + "/task-runs", task_runs, TASK_RUNS),
    route("GET", RUN + "/task-runs/{task_run}", task_run, TASK_RUN),
    route("GET", RUN + "/task-runs/{task_run}/checkpoints", checkpoints, pages(CheckpointShown)),
    route("GET", RUN + "/variables", variables, pages(VariableShown, AT, also=(409,))),
    route(
        "GET",
        RUN + "/external-events",
        external_events,
        pages(ExternalEventShown, AT, also=(409,)),
    ),
    route("GET", RUN + "/waits", waits, reads(Excerpt[WaitShown], AT, also=(409,))),
    route("GET", RUN + "/history", history, reads(Story, POSITIONS, AT, also=(409,))),
    route("GET", RUN + "/recording", recording, reads(RecordingShown, also=(409,))),
]
