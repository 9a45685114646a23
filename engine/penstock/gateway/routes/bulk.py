"""Bulk jobs: one verb on many runs. Ask for one, see how far it has come, cancel it, list them."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.definitions import BulkAsked, BulkHead, BulkShown, BulkTold
from penstock.contracts.filters import BulkFilter
from penstock.core.bulk import rows
from penstock.core.bulk.rows import BulkJob, BulkState
from penstock.core.commands.bulk import Bulk
from penstock.core.commands.cancel_bulk import CancelBulk
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_guid
from penstock.gateway.auth import identify
from penstock.gateway.errors import bad_request
from penstock.gateway.filters import pairs_of
from penstock.gateway.json_in import read_struct
from penstock.gateway.reads import View
from penstock.gateway.render import time_text
from penstock.gateway.says import pages, reads, sends
from penstock.gateway.web import (
    command_id_of,
    json_answer,
    listed,
    page,
    route,
    send,
    view_at,
)

Json = dict[str, Any]


class BulkBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which runs, by the words of a search; the verb, and its arguments: the fields of the command
    it stands for, but for the run's id. A `dry_run` only counts the runs.
    """

    filter: BulkFilter
    verb: str
    arguments: dict[str, Any] = {}
    dry_run: bool = False


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """A body with nothing in it."""


async def ask(request: Request) -> Response:
    """Begin a job; what becomes of it is read under its id."""
    caller = identify(request)
    command_id = command_id_of(request)
    body = await read_struct(request, BulkBody)
    command = Bulk(
        filter=_criteria(body.filter),
        verb=body.verb,
        arguments=body.arguments,
        dry_run=body.dry_run,
    )
    return await send(request, command, caller=caller, command_id=command_id, created=202)


async def cancel(request: Request) -> Response:
    """Go no further; what is done stays done."""
    caller = identify(request)
    await read_struct(request, Nothing)
    command = CancelBulk(bulk_id=_id(request))
    return await send(request, command, caller=caller, command_id=command_id_of(request))


async def get(request: Request) -> Response:
    """A job: what was asked for, and how far it has come."""
    bulk_id = _id(request)
    view, tenant = await view_at(request, DECIDING_PARTITION), identify(request).tenant
    job = view.rows.peek(BulkJob, tenant, bulk_id)
    shown = None if job is None else _shown(view, job)
    if job is None or shown is None:
        refuse(Code.BULK_UNKNOWN, f"there is no bulk job {bulk_id!r}; an ended one is forgotten")
    filter_and_arguments = {"filter": _words_of(job.filter), "arguments": job.arguments}
    return json_answer(shown | filter_and_arguments, position=view.position)


async def list_all(request: Request) -> Response:
    """Jobs by id, without their filters and arguments, which may be large."""
    view, tenant = await view_at(request, DECIDING_PARTITION), identify(request).tenant
    items, cursor = page(request, view, BulkJob, partial(_shown, view), tenant)
    return listed(items, cursor, view.position)


def _criteria(wanted: BulkFilter) -> rows.BulkFilter:
    """A filter as the engine keeps it."""
    pairs = dict.fromkeys(pairs_of("label", wanted.label))
    labels = dict(pairs.keys())
    if len(labels) < len(pairs):
        raise bad_request("`label`: a run has one value of a label, two are asked for")
    return rows.BulkFilter(
        labels=labels,
        **{f"{name}_ms": _ms(getattr(wanted, name)) for name in TIMES},
        child=None if wanted.child_filter is None else wanted.child_filter == "CHILD",
        **{name: getattr(wanted, name) for name in SAME},
    )


def _words_of(kept: rows.BulkFilter) -> Json:
    """A filter in the words of a search."""
    fields: Json = {name: getattr(kept, name) for name in SAME}
    times = {name: time_text(getattr(kept, f"{name}_ms")) for name in TIMES}
    if kept.child is not None:
        fields["child_filter"] = "CHILD" if kept.child else "MAIN"
    return {**fields, "label": [f"{key}:{kept.labels[key]}" for key in kept.labels], **times}


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1_000)


def _id(request: Request) -> str:
    return check_guid("bulk_id", request.path_params["bulk_id"])


def _shown(view: View, job: BulkJob) -> Json | None:
    state = view.rows.peek(BulkState, job.tenant, job.bulk_id)
    if state is None:
        return None
    counts = state.counts
    return {
        "bulk_id": job.bulk_id,
        "verb": job.verb,
        "dry_run": job.dry_run,
        "principal": job.principal,
        "asked_at": time_text(job.asked_ms),
        "status": state.status,
        "reason": state.reason,
        "cancelled_by": state.cancelled_by,
        "cancelling_at": time_text(state.cancelling_ms),
        "ended_at": time_text(state.ended_ms),
        "partitions_left": state.parts,
        "looked": counts.looked,
        "matched": counts.matched,
        "done": counts.done,
        "refused": counts.refused,
        "refusals": state.refusals,
    }


TIMES: Final = ("started_after", "started_before", "ended_after", "ended_before")
SAME: Final = frozenset(BulkFilter.__struct_fields__) - {"label", "child_filter", *TIMES}
BY_ID: Final = "/v1/bulk/{bulk_id}"
ROUTES: Final = [
    route("POST", "/v1/bulk", ask, sends(BulkBody, BulkAsked, status=202)),
    route("GET", "/v1/bulk", list_all, pages(BulkHead)),
    route("GET", BY_ID, get, reads(BulkShown)),
    route("POST", BY_ID + "/cancel", cancel, sends(Nothing, BulkTold)),
]
