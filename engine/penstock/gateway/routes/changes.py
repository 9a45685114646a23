"""Live updates: that something has changed, as server-sent events. What it is, a client reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from penstock.core.ids import root_of
from penstock.core.state.regions import family_region
from penstock.gateway.errors import ApiError
from penstock.gateway.reads import Reads, View
from penstock.gateway.routes.run_words import PAUSE_S, QUIET_S
from penstock.gateway.routes.wf_runs import RUN, known_run
from penstock.gateway.says import AT_LEAST, Says
from penstock.gateway.web import Gateway, gateway_of, route, view_of_run

LOOK_S: Final = 0.5
"""How often all partitions are looked at: the position of each is at hand."""
QUIET: Final = b": quiet\n\n"


async def of_run(request: Request) -> Response:
    """That a run has changed, or one of its family, as server-sent events: `changed` with its
    position, at first and after each change. What has changed is then to be read.
    """
    view, tenant, wf_run_id = await view_of_run(request)
    known_run(view, tenant, wf_run_id)
    region = family_region(tenant, root_of(wf_run_id))
    return _stream(_changes_of_run(gateway_of(request), region, view))


async def of_all(request: Request) -> Response:
    """That partitions of this node have gone on, as server-sent events: `changed` with their
    positions, at first and after each change.
    """
    return _stream(_changes(gateway_of(request)))


def _stream(events: AsyncGenerator[bytes]) -> Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


def _changed(positions: list[str]) -> bytes:
    return b"event: changed\ndata: " + msgspec.json.encode({"positions": positions}) + b"\n\n"


async def _changes_of_run(gateway: Gateway, region: bytes, view: View) -> AsyncGenerator[bytes]:
    number, told = view.position.partition, view.position.offset
    yield _changed([str(view.position)])

    def newer() -> View | None:
        nonlocal told
        view = gateway.reads.view(number)
        turn = next(iter(view.view.turns_of(region, told + 1)), None)
        told = view.position.offset
        return None if turn is None else view

    while not gateway.watch.closing:
        try:
            found = await gateway.watch.until(number, newer, QUIET_S)
        except ApiError:
            return  # the partition has left: the client comes again, and is sent where it is
        if gateway.watch.closing:
            return
        yield QUIET if found is None else _changed([str(found.position)])
        await asyncio.sleep(PAUSE_S)


async def _changes(gateway: Gateway) -> AsyncGenerator[bytes]:
    told: list[str] | None = None
    quiet_s = 0.0
    while not gateway.watch.closing:
        positions = _positions(gateway.reads)
        if positions != told:
            told, quiet_s = positions, 0.0
            yield _changed(positions)
        elif quiet_s >= QUIET_S:
            quiet_s = 0.0
            yield QUIET
        await asyncio.sleep(LOOK_S)
        quiet_s += LOOK_S


def _positions(reads: Reads) -> list[str]:
    """How far the partitions have come that can be read here."""
    found: list[str] = []
    for number in range(reads.partitions):
        try:
            found.append(str(reads.view(number).position))
        except ApiError:
            continue
    return found


FOLLOWS: Final = Says(media="text/event-stream")
ROUTES: Final = [
    route("GET", RUN + "/follow", of_run, Says(query=(AT_LEAST,), media="text/event-stream")),
    route("GET", "/v1/changes/follow", of_all, FOLLOWS),
]
