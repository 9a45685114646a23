"""Trying an expression, or a template, at a place of a run: nothing is changed by it."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, Struct, UnsetType, field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.runs import Tried
from penstock.core.flow.trial import Place, try_expression
from penstock.core.state.partition_state import Shard
from penstock.core.values.forms import Expression, Rendered, Template
from penstock.core.values.value import Value
from penstock.gateway.auth import identify
from penstock.gateway.errors import ApiError, EdgeCode, bad_request
from penstock.gateway.json_in import read_struct
from penstock.gateway.reads import check_part
from penstock.gateway.says import AT_LEAST, Says
from penstock.gateway.web import check_sees_run, gateway_of, json_answer, route, view_at


class EvaluateBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The place, and either an expression or a template."""

    wf_run_id: str
    thread: int = 0
    position: int | None = None
    task_run: str | None = None
    expression: Expression | None = None
    template: Value | UnsetType = UNSET
    gives: Rendered = field(default=Rendered.VALUE, name="as")


async def evaluate(request: Request) -> Response:
    """The value there, as the run stands now; `*****` if it is made of something masked."""
    caller = identify(request)
    body = await read_struct(request, EvaluateBody)
    if (body.expression is None) == (body.template is UNSET):
        raise bad_request("give either an `expression` or a `template`")
    expression = body.expression or Template(body.template, body.gives)
    if body.task_run is not None:
        check_part("task_run", body.task_run)
    reads = gateway_of(request).reads
    number = reads.number_of(body.wf_run_id)
    view = await view_at(request, number)
    check_sees_run(caller, view, body.wf_run_id)
    place = Place(
        wf_run_id=body.wf_run_id,
        thread=body.thread,
        position=body.position,
        task_run=body.task_run,
    )
    shard = Shard(number, reads.partitions)
    tried = await run_in_threadpool(
        try_expression, view.rows, shard, caller.tenant, place, expression
    )
    if tried.problem is not None:
        raise ApiError(EdgeCode.NO_VALUE, tried.problem, position=view.position)
    return json_answer({"value": tried.value, "masked": tried.masked}, position=view.position)


SAYS: Final = Says(
    body=EvaluateBody, query=(AT_LEAST,), gives=Tried, positioned=True, also=(404, 422)
)
ROUTES: Final = [route("POST", "/v1/expressions/evaluate", evaluate, SAYS)]
"""Nothing is sent: a trial is a read."""
