"""Snapshots of the partitions that a node has: those there are, and one more if it is asked for."""

from __future__ import annotations

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.common import Items
from penstock.contracts.answers.snapshots import SnapshotKept, SnapshotsAsked
from penstock.gateway import render
from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.says import Says
from penstock.gateway.snapshots_kept import snapshots_kept
from penstock.gateway.web import Gateway, gateway_of, json_answer, route
from penstock.processor.snapshots.port import SnapshotError
from penstock.processor.snapshots.snapshotter import Snapshotter
from penstock.store.port import Identity


async def list_snapshots(request: Request) -> Response:
    """The snapshots there are of the partitions that the node has that is asked, newest first."""
    gateway = gateway_of(request)
    try:
        items = await run_in_threadpool(_kept, gateway, _snapshotter(gateway))
    except SnapshotError as error:
        raise ApiError(EdgeCode.UNAVAILABLE, f"the place of the snapshots: {error}") from error
    return json_answer({"items": items})


async def take_snapshots(request: Request) -> Response:
    """Have one taken of each partition that the node has that is asked and that has moved since its
    last one. It is begun at once, one partition after another; `until` are the offsets that the
    newest then have reached.
    """
    gateway = gateway_of(request)
    snapshotter = _snapshotter(gateway)
    until = {
        str(number): position
        for number in gateway.processor.owned()
        if (position := gateway.processor.position(number)) is not None
    }
    snapshotter.want()
    return json_answer({"until": until}, status=202)


def _snapshotter(gateway: Gateway) -> Snapshotter:
    snapshotter = gateway.processor.snapshots
    if snapshotter is None:
        told = "this server has no place for snapshots: start it with --snapshots"
        raise ApiError(EdgeCode.NOT_FOUND, told)
    return snapshotter


def _kept(gateway: Gateway, snapshotter: Snapshotter) -> list[render.Json]:
    topic_id, partitions = gateway.log.topic_id, gateway.topics.partitions
    own = [Identity(topic_id, number, partitions) for number in gateway.processor.owned()]
    return snapshots_kept(snapshotter.place.objects, own)


ROUTES: Final = [
    route("GET", "/v1/snapshots", list_snapshots, Says(gives=Items[SnapshotKept], also=(404,))),
    route(
        "POST", "/v1/snapshots", take_snapshots, Says(gives=SnapshotsAsked, status=202, also=(404,))
    ),
]
