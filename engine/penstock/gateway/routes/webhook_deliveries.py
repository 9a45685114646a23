"""Webhooks that runs have sent, or could not: task runs of `send-webhook`, or of a TaskDef that is
used as one. A receiver that was away fetches what it has missed, and an operator has it sent again.

Rule: nothing is written down for it. A page looks at so many runs and tasks at most, so one that is
not full may have a cursor, too; it may end within a run, which may have very many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple, get_args

from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.runs import DeliveryShown
from penstock.contracts.answers.told import Resent
from penstock.contracts.filters import DeliveryFilters, DeliveryStatus, DeliveryTargets
from penstock.core.command import Command
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.retry_now import RetryNow
from penstock.core.definitions.principals import Resource
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_definition_name
from penstock.core.state.keys import after_prefix
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, WfRun
from penstock.core.state.transitions import TASK_LIVE, TaskStatus
from penstock.core.views.filling import Filling
from penstock.core.views.shown import shown_task
from penstock.gateway import render
from penstock.gateway.auth import identify
from penstock.gateway.cursors import cursor_bytes, cursor_text
from penstock.gateway.errors import bad_request
from penstock.gateway.filters import filters_in, params_of
from penstock.gateway.index_scan import ENTRIES_PER_PAGE_MAX, has_read_much
from penstock.gateway.reads import Reads, View, check_part
from penstock.gateway.run_scan import RunPlace, runs_of
from penstock.gateway.says import AT_LEAST, PAGE_DEFAULT, PAGE_MAX, finds, sends
from penstock.gateway.spread import paged
from penstock.gateway.web import (
    command_id_of,
    gateway_of,
    int_param,
    route,
    send,
    view_of_run,
)

SEND_WEBHOOK: Final = "send-webhook"
STATUSES: Final = get_args(DeliveryStatus)
INPUTS: Final = ("type", "data", "url", "endpoint", "timestamp")


async def deliveries(request: Request) -> Response:
    """Deliveries by run, in any of these statuses."""
    return await _listed(request, filters_in(request.query_params, DeliveryFilters))


async def poll(request: Request) -> Response:
    """What a receiver has missed: deliveries that have failed, with what they carry. With `url` or
    `endpoint` only those that were to go there.
    """
    asked = filters_in(request.query_params, DeliveryTargets)
    return await _listed(request, {**asked, "status": ("failed",)})


async def _listed(request: Request, asked: dict[str, Any]) -> Response:
    reads, caller = gateway_of(request).reads, identify(request)
    limit = int_param(request, "limit", PAGE_DEFAULT, low=1, high=PAGE_MAX)
    name = check_definition_name("TaskDef", asked.get("task_def", SEND_WEBHOOK))
    statuses = asked.get("status", STATUSES)
    wanted = {key: asked[key] for key in ("url", "endpoint") if key in asked}

    def read(page: Filling, cursor: str | None, end: int) -> str | None:
        looks = ENTRIES_PER_PAGE_MAX
        for place, view, run in _runs(reads, caller.tenant, Place.of(cursor), end):
            looks -= 1
            sees = caller.sees(Resource.WORKFLOW, run.wf_spec)
            for task in _tasks(view, run, place) if sees else ():
                looks -= 1
                if task.task_def == name:
                    item = _delivery(shown_task(view.rows, task))
                    if _fits(item, statuses, wanted):
                        page.add(item)
                if not page.left or looks <= 0 or has_read_much(view):
                    return place.behind(task)
            if looks <= 0 or has_read_much(view):
                return place.of_run.text
        return None

    return await paged(request, read, limit)


class Place(NamedTuple):
    """Where a list goes on: behind a task of a run, or behind all of them."""

    of_run: RunPlace
    guid: str = ""

    @classmethod
    def of(cls, cursor: str | None) -> Place:
        """The place that a cursor stands for."""
        if cursor is None:
            return cls(RunPlace())
        run, _, guid = cursor_bytes(cursor).partition(b"\x00")
        if b"\x00" in guid:
            raise bad_request("parameter `cursor` is not one that was given here")
        return cls(RunPlace.of(cursor_text(run)), guid.decode(errors="replace"))

    def behind(self, task: TaskRun) -> str:
        """As the cursor of what comes behind a task of that run."""
        return cursor_text(cursor_bytes(self.of_run.text) + b"\x00" + task.guid.encode())


def _runs(
    reads: Reads, tenant: str, begins: Place, end: int
) -> Iterator[tuple[Place, View, WfRun]]:
    """The runs from a place on, the first of them with its tasks behind that."""
    number, wf_run_id = begins.of_run
    if begins.guid:
        view = reads.view(number)
        run = view.rows.peek(WfRun, tenant, wf_run_id)
        if run is not None:
            yield begins, view, run
    for place, view, run in runs_of(reads, tenant, begins.of_run, end):
        yield Place(place), view, run


def _tasks(view: View, run: WfRun, place: Place) -> Iterator[TaskRun]:
    prefix = TaskRun.key(run.tenant, run.wf_run_id)
    start = TaskRun.key(run.tenant, run.wf_run_id, place.guid) + b"\x00" if place.guid else prefix
    for _, task in view.rows.range(TaskRun, start, after_prefix(prefix)):
        yield task


def _fits(item: render.Json, statuses: Collection[str], wanted: dict[str, str]) -> bool:
    right = item["status"] in statuses
    return right and all(item[name] == value for name, value in wanted.items())


def _delivery(task: TaskRun) -> render.Json:
    inputs: dict[str, Any] = task.inputs
    return {
        "wf_run_id": task.wf_run_id,
        "guid": task.guid,
        "webhook_id": task.guid,
        "status": _status(task),
        "attempts": task.attempt.number,
        "failure": render.failure(task.attempt.failure),
        "scheduled_at": render.time_text(task.attempt.scheduled_ms),
        "ended_at": render.time_text(task.attempt.ended_ms),
        **{name: inputs.get(name) for name in INPUTS},
    }


def _status(task: TaskRun) -> str:
    if task.status in TASK_LIVE:
        return "pending"
    return "delivered" if task.status is TaskStatus.TASK_SUCCESS else "failed"


async def resend(request: Request) -> Response:
    """Send it now: one that waits for its next attempt at once; one that has failed for good by a
    rescue of its thread, which is another message to the receiver.
    """
    caller = identify(request)
    command_id = command_id_of(request)
    view, tenant, wf_run_id = await view_of_run(request)
    guid = check_part("guid", request.path_params["guid"])
    task = view.rows.peek(TaskRun, tenant, wf_run_id, guid)
    if task is None:
        refuse(Code.TASK_RUN_UNKNOWN, f"WfRun {wf_run_id!r} has no TaskRun {guid!r}")
    if task.status is TaskStatus.TASK_SUCCESS:
        refuse(Code.TASK_RUN_ENDED, f"webhook {guid} was delivered")
    command: Command = RetryNow(wf_run_id=wf_run_id, guid=guid)
    if task.status not in TASK_LIVE:
        _check_stands_there(view, task)
        command = RescueThreadRun(wf_run_id=wf_run_id, thread=task.thread, exceptions=True)
    return await send(request, command, caller=caller, command_id=command_id)


def _check_stands_there(view: View, task: TaskRun) -> None:
    """A rescue is of the thread: it must have failed with this very task, not later on."""
    place = (task.tenant, task.wf_run_id, task.thread)
    thread = view.rows.peek(ThreadRun, *place)
    node = None if thread is None else view.rows.peek(NodeRun, *place, thread.position)
    if node is None or node.task != task.guid:
        refuse(
            Code.THREAD_NOT_FAILED,
            f"the run has gone on from webhook {task.guid}: replay it from there to send it again",
        )


PATH: Final = "/v1/webhook-deliveries"
ROUTES: Final = [
    route("GET", PATH, deliveries, finds(DeliveryShown, *params_of(DeliveryFilters))),
    route("GET", PATH + "/poll", poll, finds(DeliveryShown, *params_of(DeliveryTargets))),
    route(
        "POST",
        PATH + "/{wf_run_id}/{guid}/resend",
        resend,
        sends(gives=Resent, query=(AT_LEAST,)),
    ),
]
