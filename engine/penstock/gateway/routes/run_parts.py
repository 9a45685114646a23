"""What a run is made of: its threads, node runs, task runs, variables, events, and the history told
from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.common import Excerpt
from penstock.contracts.answers.events import ExternalEventShown
from penstock.contracts.answers.runs import (
    AttemptShown,
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
from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import Rows
from penstock.core.state.run import NodeRun, PastAttempt, TaskRun, ThreadRun, Variable
from penstock.core.state.task_rows import Checkpoint
from penstock.core.views.filling import Filling, fitting
from penstock.core.views.shown import (
    shown_checkpoint,
    shown_event,
    shown_node,
    shown_variable,
)
from penstock.core.views.waits import waits_of
from penstock.gateway import render
from penstock.gateway.canonical import attempt_of
from penstock.gateway.counted_rows import CountedReader
from penstock.gateway.cursors import cursor_bytes, cursor_text
from penstock.gateway.dialects import dialect_of, seen_of
from penstock.gateway.errors import ApiError, EdgeCode
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
    Listed,
    filled,
    int_param,
    json_answer,
    listed,
    page,
    route,
    searched,
    view_of_run,
)


async def threads(request: Request) -> Response:
    """The thread runs, by number; one that has ended is kept as long as its run."""
    view, tenant, wf_run_id = await view_of_run_at(request)
    known_run(view, tenant, wf_run_id)
    shown = render.thread_run, tenant, wf_run_id
    items, cursor = await run_in_threadpool(page, request, view, ThreadRun, *shown)
    return listed(items, cursor, view.position)


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

    def show(row: NodeRun) -> render.Json:
        return render.node_run(shown_node(view.rows, run, row))

    items, cursor = await run_in_threadpool(page, request, view, NodeRun, show, tenant, wf_run_id)
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
    """The task runs, each with its newest attempts."""
    dialect = dialect_of(request)
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    cursor = request.query_params.get("cursor")
    after = None if cursor is None else cursor_bytes(cursor).decode(errors="replace")
    view, tenant, wf_run_id = await view_of_run_at(request)
    seen = seen_of(view, known_run(view, tenant, wf_run_id))

    def read() -> Listed:
        page, last = Filling(limit), ""
        for one in dialect.task_runs(seen, after):
            if not page.left:
                return page.items, cursor_text(last.encode())
            page.add(one.as_json())
            last = one.place
        return page.items, None

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


async def attempts(request: Request) -> Response:
    """All attempts of a task run, oldest first."""
    guid = check_part("task run", request.path_params["task_run"])
    view, tenant, wf_run_id = await view_of_run_at(request)
    known_run(view, tenant, wf_run_id)
    task = view.rows.peek(TaskRun, tenant, wf_run_id, guid)
    if task is None:
        refuse(Code.TASK_RUN_UNKNOWN, f"WfRun {wf_run_id!r} has no task run {guid[:60]!r}")
    prefix = PastAttempt.key(tenant, wf_run_id, guid)
    newest = PastAttempt(tenant, wf_run_id, guid, task.attempt.number, task.attempt)

    def rows(start: bytes) -> Iterator[tuple[bytes, PastAttempt]]:
        yield from view.rows.range(PastAttempt, start, after_prefix(prefix))
        if newest.own_key() >= start:
            yield newest.own_key(), newest

    def show(row: PastAttempt) -> render.Json:
        return attempt_of(view.rows, task, row.attempt)

    items, cursor = await run_in_threadpool(filled, request, prefix, rows, show)
    return listed(items, cursor, view.position)


async def checkpoints(request: Request) -> Response:
    """What the attempts of a task run have put aside, in order; stars if it may be masked."""
    guid = check_part("task run", request.path_params["task_run"])
    view, tenant, wf_run_id = await view_of_run(request)
    known_run(view, tenant, wf_run_id)
    task = view.rows.peek(TaskRun, tenant, wf_run_id, guid)
    if task is None:
        refuse(Code.TASK_RUN_UNKNOWN, f"WfRun {wf_run_id!r} has no task run {guid[:60]!r}")

    def show(row: Checkpoint) -> render.Json:
        return _checkpoint(shown_checkpoint(view.rows, task, row))

    of_task = tenant, wf_run_id, guid
    items, cursor = await run_in_threadpool(page, request, view, Checkpoint, show, *of_task)
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

    def show(row: Variable) -> render.Json:
        return render.variable(shown_variable(view.rows, run, row))

    items, cursor = await run_in_threadpool(page, request, view, Variable, show, tenant, wf_run_id)
    return listed(items, cursor, view.position)


async def variable(request: Request) -> Response:
    """One variable of a thread; a masked one is `*****`."""
    view, tenant, wf_run_id = await view_of_run_at(request)
    run = known_run(view, tenant, wf_run_id)
    thread = request.path_params["thread"]
    name = check_part("variable", request.path_params["name"])
    row = None
    if thread < 2**63:
        row = view.rows.peek(Variable, tenant, wf_run_id, thread, name)
    if row is None:
        said = f"WfRun {wf_run_id!r} has no variable {name!r} in thread {thread}"
        raise ApiError(EdgeCode.NOT_FOUND, said)
    shown = render.variable(shown_variable(view.rows, run, row))
    return json_answer(shown, position=view.position)


async def external_events(request: Request) -> Response:
    """The events put to the run; they may be there before the run is."""
    view, tenant, wf_run_id = await view_of_run_at(request)
    today, _, _ = await view_of_run(request)

    def show(row: ExternalEvent) -> render.Json:
        return render.external_event(shown_event(view.rows, row, today.rows))

    of_run = tenant, wf_run_id
    items, cursor = await run_in_threadpool(page, request, view, ExternalEvent, show, *of_run)
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
        rows = Rows(CountedReader(view.view, HISTORY_ROWS_MAX))
        run_rows, whole = rows_of_run(rows, tenant, run)
        facts, fit = fitting(facts_of(run_rows))
        return facts, whole and fit

    facts, whole = await searched(request, read)
    return json_answer({"items": facts, "truncated": not whole}, position=view.position)


async def recording(request: Request) -> Response:
    """All that a fold of the run needs, to fold it again elsewhere. Masked values are not in it."""
    return await told_from_the_log(request, recording_as_of)


WAITS_MAX: Final = 200
HISTORY_ROWS_MAX: Final = 30_000
POSITIONS: Final = Param(
    "positions", Literal["true"], "Tell it from the log: with commands and positions."
)
TASK_RUNS: Final = pages(TaskRunShown, VIEW, AT, views=True, also=(409,))
TASK_RUN: Final = reads(TaskRunShown, VIEW, AT, views=True, also=(409,))
ATTEMPTS: Final = pages(AttemptShown, AT, also=(409,))
ROUTES: Final = [
    route("GET", RUN + "/threads", threads, pages(ThreadShown, AT, also=(409,))),
    route("GET", RUN + "/threads/{thread:whole}", thread, reads(ThreadShown, AT, also=(409,))),
    route("GET", RUN + "/node-runs", node_runs, pages(NodeRunShown, AT, also=(409,))),
    route(
        "GET",
        RUN + "/node-runs/{thread:whole}/{position:whole}",
        node_run,
        reads(NodeRunShown, AT, also=(409,)),
    ),
    route("GET", RUN + "/task-runs", task_runs, TASK_RUNS),
    route("GET", RUN + "/task-runs/{task_run}", task_run, TASK_RUN),
    route("GET", RUN + "/task-runs/{task_run}/attempts", attempts, ATTEMPTS),
    route("GET", RUN + "/task-runs/{task_run}/checkpoints", checkpoints, pages(CheckpointShown)),
    route("GET", RUN + "/variables", variables, pages(VariableShown, AT, also=(409,))),
    route(
        "GET",
        RUN + "/variables/{thread:whole}/{name}",
        variable,
        reads(VariableShown, AT, also=(409,)),
    ),
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
