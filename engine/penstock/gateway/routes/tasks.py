"""Task queues: workers without Kafka poll for tasks and report on them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from penstock.core.commands.report_task import ReportTask
from penstock.core.definitions.defs import TaskDef
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_definition_name
from penstock.core.limits import WORKER_CHARS_MAX
from penstock.gateway import render
from penstock.gateway.auth import identify
from penstock.gateway.json_in import read_struct
from penstock.gateway.task_queue import PollingWorker
from penstock.gateway.web import (
    WAIT_MS_MAX,
    command_id_of,
    gateway_of,
    json_answer,
    route,
    send,
)


class PollBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks, for how many tasks at most, and how long to wait for the first."""

    worker: Annotated[str, Meta(min_length=1, max_length=WORKER_CHARS_MAX)]
    tasks_max: Annotated[int, Meta(ge=1, le=100)] = 1
    wait_ms: Annotated[int, Meta(ge=0, le=WAIT_MS_MAX)] = 0
    worker_version: Annotated[str, Meta(max_length=WORKER_CHARS_MAX)] = ""


async def poll(request: Request) -> Response:
    """Tasks, started for this worker."""
    gateway = gateway_of(request)
    caller = identify(request)
    name = check_definition_name("TaskDef", request.path_params["task_def"])
    body = await read_struct(request, PollBody)
    known = gateway.reads.definitions().rows.peek(TaskDef, caller.tenant, name)
    if known is None:
        refuse(Code.TASK_DEF_UNKNOWN, f"there is no TaskDef {name!r}")
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        tasks = await gateway.queues.poll(
            caller,
            name,
            worker=PollingWorker(body.worker, body.worker_version),
            tasks_max=body.tasks_max,
            wait_s=body.wait_ms / 1_000,
            gone=gone,
        )
    finally:
        gone.cancel()
    return json_answer({"tasks": [render.scheduled_task(task) for task in tasks]})


async def _disconnected(request: Request) -> None:
    """Wait until the worker is no longer there."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def report(request: Request) -> Response:
    """The end of an attempt."""
    caller = identify(request)
    command_id = command_id_of(request)
    command = await read_struct(request, ReportTask)
    return await send(request, command, caller=caller, command_id=command_id)


ROUTES: Final = [
    route("POST", "/v1/task-queues/{task_def}/poll", poll),
    route("POST", "/v1/tasks/report", report),
]
