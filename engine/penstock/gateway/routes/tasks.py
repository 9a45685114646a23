"""Task queues: workers without Kafka poll for tasks and report on them."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from itertools import islice
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.common import Done, Items
from penstock.contracts.answers.definitions import BreakerClosed, QueueShown, WorkerShown
from penstock.contracts.answers.runs import StopAsked, TasksGiven
from penstock.contracts.answers.told import AttemptTold, CheckpointTold, HeartbeatTold, TaskTold
from penstock.contracts.topics import task_group
from penstock.core.command import Command
from penstock.core.commands.close_breaker import CloseBreaker
from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.task_heartbeat import TaskHeartbeat
from penstock.core.commands.task_started import TaskStarted
from penstock.core.definitions.defs import TaskDef
from penstock.core.definitions.principals import Action, Resource
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_definition_name
from penstock.core.limits import WORKER_CHARS_MAX
from penstock.core.state.breaker_rows import Breaker, HeldByBreaker
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TASK_IN_FLIGHT, TaskStatus
from penstock.gateway import render
from penstock.gateway.auth import identify
from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.forward import disconnected
from penstock.gateway.json_in import read_struct
from penstock.gateway.operator_shapes import BreakerShown
from penstock.gateway.polled import Asked
from penstock.gateway.reads import View, check_part
from penstock.gateway.says import WAIT_MS_MAX, Says, follows, pages, reads, sends
from penstock.gateway.sent_events import Events, event
from penstock.gateway.spread import everywhere
from penstock.gateway.streams import LOOK_S, streamed
from penstock.gateway.task_starts import PollingWorker
from penstock.gateway.web import (
    Gateway,
    Handler,
    command_id_of,
    gateway_of,
    json_answer,
    listed,
    page,
    refuse_unknown,
    route,
    send,
    view_of_definitions,
    waiting,
)
from penstock.log.port import Joined, LogError

STOPS_MAX: Final = 1_000
OVER: Final = "over"
HELD_SHOWN_MAX: Final = 10_000
WORKERS_SHOWN_MAX: Final = 1_000
SLOTS_MAX: Final = 1_000_000


class PollBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks, for how many tasks at most, and how long to wait for the first. `slots` is how many
    it runs at once, of all its TaskDefs together; that is only shown.
    """

    worker: Annotated[str, Meta(min_length=1, max_length=WORKER_CHARS_MAX)]
    tasks_max: Annotated[int, Meta(ge=1, le=100)] = 1
    wait_ms: Annotated[int, Meta(ge=0, le=WAIT_MS_MAX)] = 0
    worker_version: Annotated[str, Meta(max_length=WORKER_CHARS_MAX)] = ""
    slots: Annotated[int, Meta(ge=1, le=SLOTS_MAX)] | None = None


async def poll(request: Request) -> Response:
    """Tasks, started for this worker."""
    gateway = gateway_of(request)
    caller = identify(request)
    name = check_definition_name("TaskDef", request.path_params["task_def"])
    body = await read_struct(request, PollBody)
    request.state.wait_s, request.state.once = body.wait_ms / 1_000, True
    gateway.reads.check_served(gateway.queues.home_of(caller.tenant, name))
    if not await gateway.engine.comes(TaskDef, TaskDef.key(caller.tenant, name)):
        refuse(Code.TASK_DEF_UNKNOWN, f"there is no TaskDef {name!r}")
    gone = asyncio.ensure_future(disconnected(request))
    try:
        with waiting(request) if body.wait_ms else nullcontext():
            tasks = await gateway.queues.poll(
                caller,
                name,
                worker=PollingWorker(body.worker, body.worker_version, body.slots),
                tasks_max=body.tasks_max,
                wait_s=body.wait_ms / 1_000,
                gone=gone,
            )
    finally:
        gone.cancel()
    return json_answer({"tasks": [render.scheduled_task(task) for task in tasks]})


async def list_queues(request: Request) -> Response:
    """TaskDefs by name, each with what waits in its queue: tasks that no worker has begun, as far
    as the log can count them, and since when the oldest of the longest part of it does.
    """
    gateway, caller = gateway_of(request), identify(request)
    view, tenant = await view_of_definitions(request)

    def name_of(row: TaskDef) -> str | None:
        return row.name if caller.sees(Resource.TASK, row.name) else None

    named, cursor = page(request, view, TaskDef, name_of, tenant)
    names = [msgspec.json.decode(name, type=str) for name in named]
    return listed(await _queues(gateway, tenant, names), cursor, view.position)


async def get_queue(request: Request) -> Response:
    """What waits in the queue of a TaskDef."""
    view, tenant, name = await _known_queue(request)
    [shown] = await _queues(gateway_of(request), tenant, [name])
    return json_answer(shown, position=view.position)


async def follow_queue(request: Request) -> Response:
    """What waits in the queue of a TaskDef, as server-sent events: `queue`, at first and whenever
    it is another.
    """
    _, tenant, name = await _known_queue(request)
    return streamed(request, _queue_as_it_is(gateway_of(request), tenant, name))


async def _queue_as_it_is(gateway: Gateway, tenant: str, name: str) -> Events:
    told: render.Json | None = None
    while True:
        [shown] = await _queues(gateway, tenant, [name])
        if shown != told and shown["waiting"] is not None:
            told = shown
            yield event("queue", shown)
        await asyncio.sleep(LOOK_S)


async def _known_queue(request: Request) -> tuple[View, str, str]:
    """A view that has the TaskDef, the tenant, and the name."""
    name = check_definition_name("TaskDef", request.path_params["task_def"])
    view, tenant = await view_of_definitions(request)
    if view.rows.peek(TaskDef, tenant, name) is None:
        message = f"there is no TaskDef {name!r}"
        refuse_unknown(request, view, Code.TASK_DEF_UNKNOWN, message)
    return view, tenant, name


async def _queues(gateway: Gateway, tenant: str, names: list[str]) -> list[render.Json]:
    """What waits in the queues of these TaskDefs."""
    counted = await gateway.backlogs.of(tenant, names)
    return [
        {
            "task_def": name,
            "waiting": None if (backlog := counted.get(name)) is None else backlog.records,
            "oldest_at": None if backlog is None else render.time_text(backlog.oldest_ms),
        }
        for name in names
    ]


async def get_workers(request: Request) -> Response:
    """The workers of a TaskDef, as far as can be known: who has asked for its tasks over HTTP in
    the last minute, and who reads its topic.
    """
    gateway, tenant = gateway_of(request), identify(request).tenant
    name = check_definition_name("TaskDef", request.path_params["task_def"])
    gateway.reads.check_served(gateway.queues.home_of(tenant, name))
    if not await gateway.engine.comes(TaskDef, TaskDef.key(tenant, name)):
        refuse(Code.TASK_DEF_UNKNOWN, f"there is no TaskDef {name!r}")
    polled = gateway.queues.polled.of((tenant, name))
    reading = await run_in_threadpool(_reading, gateway, tenant, name)
    now_s = time.time()
    items = [_polling(one, now_s, polled[one]) for one in sorted(polled)]
    return json_answer({"items": [*items, *reading][:WORKERS_SHOWN_MAX]})


def _polling(name: str, now_s: float, asked: Asked) -> render.Json:
    ago_s = asked.ago_s
    return {
        "via": "http",
        "worker": name,
        "polled_at": None if ago_s is None else render.time_text(int((now_s - ago_s) * 1_000)),
        "host": None,
        "partitions": None,
        "slots": asked.slots,
    }


def _reading(gateway: Gateway, tenant: str, name: str) -> list[render.Json]:
    """Who reads the topic, as members of the workers' group."""
    if not isinstance(gateway.log, Joined):
        return []
    try:
        found = gateway.log.workers(task_group(gateway.topics, tenant, name))
    except LogError as error:
        raise ApiError(EdgeCode.UNAVAILABLE, f"the log does not say who reads: {error}") from error
    return [
        {
            "via": "kafka",
            "worker": one.client_id,
            "polled_at": None,
            "host": one.host,
            "partitions": one.partitions,
            "slots": None,
        }
        for one in sorted(found, key=lambda one: (one.client_id, one.host))
    ]


async def get_breaker(request: Request) -> Response:
    """The breaker of a TaskDef as it stands on each partition: of how many ends how many have
    failed, and how many tasks it holds (at most HELD_SHOWN_MAX are counted).
    """
    views, tenant = gateway_of(request).reads, identify(request).tenant
    name = check_definition_name("TaskDef", request.path_params["task_def"])

    def read(numbers: list[int]) -> list[render.Json]:
        return [_breaker(views.view(number), tenant, name) for number in numbers]

    found = await everywhere(request, read)
    if isinstance(found, Response):
        return found
    known = [item.pop("is_known") for item in found.items]
    if not any(known):
        refuse(Code.TASK_DEF_UNKNOWN, f"there is no TaskDef {name!r}")
    return json_answer({"items": sorted(found.items, key=lambda item: item["partition"])})


def _breaker(view: View, tenant: str, task_def: str) -> render.Json:
    row = view.rows.peek(Breaker, tenant, task_def) or Breaker(tenant, task_def)
    held = islice(view.rows.scan(HeldByBreaker, tenant, task_def), HELD_SHOWN_MAX)
    return {
        "is_known": view.rows.peek(TaskDef, tenant, task_def) is not None,
        "partition": view.position.partition,
        "status": row.status,
        "ends": row.ends,
        "failed": row.failed,
        "held": sum(1 for _ in held),
        "changed_at": render.time_text(row.changed_ms or None),
    }


async def close_breaker(request: Request) -> Response:
    """Have all that it holds go out."""
    caller = identify(request)
    command_id = command_id_of(request)
    name = check_definition_name("TaskDef", request.path_params["task_def"])
    command = await read_struct(request, CloseBreaker, task_def=name)
    return await send(request, command, caller=caller, command_id=command_id)


WORDS: Final[dict[str, tuple[type[Command], Any]]] = {
    "started": (TaskStarted, Done),
    "report": (ReportTask, TaskTold),
    "heartbeat": (TaskHeartbeat, HeartbeatTold),
    "checkpoint": (PutCheckpoint, CheckpointTold),
    "hand-back": (HandBackTask, AttemptTold),
}
"""What a worker says of an attempt, and is told, by the last part of the path."""


def _word(kind: type[Command]) -> Handler:
    async def handle(request: Request) -> Response:
        caller = identify(request)
        command_id = command_id_of(request)
        command = await read_struct(request, kind)
        return await send(request, command, caller=caller, command_id=command_id)

    return handle


class OwnAttempt(Struct, frozen=True, forbid_unknown_fields=True):
    """An attempt that a worker runs."""

    wf_run_id: str
    guid: str
    attempt: int
    worker: Annotated[str, Meta(max_length=WORKER_CHARS_MAX)] = ""


class StopsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The attempts that a worker runs."""

    attempts: Annotated[tuple[OwnAttempt, ...], Meta(max_length=STOPS_MAX)]


async def stops(request: Request) -> Response:
    """Which of these attempts are to end, and why: `cancel`, `shutdown`, `restart`, or `over` if
    they are not the worker's any more. It writes nothing, and is no sign of life. Of a partition
    that can not be asked just now, nothing is said.
    """
    caller = identify(request)
    body = await read_struct(request, StopsBody)
    views = gateway_of(request).reads
    attempts: dict[int, list[OwnAttempt]] = {}
    for one in body.attempts:
        check_part("guid", one.guid)
        attempts.setdefault(views.number_of(one.wf_run_id), []).append(one)

    def read(numbers: list[int]) -> list[render.Json]:
        items: list[render.Json] = []
        for number in numbers:
            rows = views.view(number).rows
            for one in attempts.get(number, ()):
                task = rows.peek(TaskRun, caller.tenant, one.wf_run_id, one.guid)
                if task is not None and not caller.may(Action.RUN, Resource.TASK, task.task_def):
                    task = None
                stop = _stop_of(task, one)
                if stop is not None:
                    named = {"wf_run_id": one.wf_run_id, "guid": one.guid, "attempt": one.attempt}
                    items.append({**named, "stop": stop})
        return items

    found = await everywhere(request, read, numbers=attempts, whole=False)
    return found if isinstance(found, Response) else json_answer({"items": found.items})


def _stop_of(task: TaskRun | None, own: OwnAttempt) -> str | None:
    if task is None or task.attempt.number != own.attempt or task.status not in TASK_IN_FLIGHT:
        return OVER
    if task.status is TaskStatus.TASK_RUNNING and task.attempt.worker != own.worker:
        return OVER
    return None if task.stop is None else task.stop.kind.value


POLLS: Final = Says(body=PollBody, gives=TasksGiven, also=(429, 504))
WORKERS: Final = Says(gives=Items[WorkerShown])
FOLLOWS: Final = follows({"queue": QueueShown})
ROUTES: Final = [
    route("POST", "/v1/task-queues/{task_def}/poll", poll, POLLS),
    route("GET", "/v1/task-queues", list_queues, pages(QueueShown)),
    route("GET", "/v1/task-queues/{task_def}", get_queue, reads(QueueShown)),
    route("GET", "/v1/task-queues/{task_def}/follow", follow_queue, FOLLOWS),
    route("GET", "/v1/task-queues/{task_def}/workers", get_workers, WORKERS),
    route(
        "GET",
        "/v1/task-queues/{task_def}/breaker",
        get_breaker,
        Says(gives=Items[BreakerShown]),
    ),
    route(
        "POST",
        "/v1/task-queues/{task_def}/actions/close",
        close_breaker,
        sends(CloseBreaker, BreakerClosed),
    ),
    route("POST", "/v1/tasks/stops", stops, Says(body=StopsBody, gives=Items[StopAsked])),
    *(
        route("POST", f"/v1/tasks/{name}", _word(kind), sends(kind, told))
        for name, (kind, told) in WORDS.items()
    ),
]
