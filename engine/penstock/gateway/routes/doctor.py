"""What is wrong, named, with what mends it."""

from __future__ import annotations

import time
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.gateway.operator_shapes import Examined
from penstock.gateway.says import Says
from penstock.gateway.web import Gateway, gateway_of, json_answer, route
from penstock.processor.doctor import Patient, examine
from penstock.store.rowstore import RowView


async def doctor(request: Request) -> Response:
    """All checks of this server and its log."""
    gateway = gateway_of(request)
    snapshots = gateway.processor.snapshots
    patient = Patient(
        log=gateway.log,
        avro=gateway.avro,
        topics=gateway.topics,
        views=lambda: _views(gateway),
        stopped={
            number: (why.cause, why.message) for number, why in gateway.processor.stopped.items()
        },
        data=request.app.state.data,
        running=True,
        now_ms=wall_clock_ms(),
        certificate_ends_ms=gateway.security.certificate_ends_ms,
        snapshots={} if snapshots is None else snapshots.problems,
    )
    found = await run_in_threadpool(examine, patient)
    return json_answer({"items": found, "wrong": sum(one.wrong for one in found)})


def wall_clock_ms() -> int:
    """What this machine takes the time to be: doctor compares it with the log's."""
    return int(time.time() * 1_000)


def _views(gateway: Gateway) -> dict[int, RowView]:
    views = {number: gateway.processor.view(number) for number in gateway.processor.owned()}
    return {number: view for number, view in views.items() if view is not None}


ROUTES: Final = [route("GET", "/v1/doctor", doctor, Says(gives=Examined))]
