"""For operators: the partitions, health, and the comparison of the stores with the
log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.gateway import render
from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.operator_shapes import ClusterShown, Health, VerifiedAll
from penstock.gateway.readiness import unanswered
from penstock.gateway.says import Says
from penstock.gateway.spread import everywhere
from penstock.gateway.web import Gateway, gateway_of, json_answer, route
from penstock.log.port import Assigned, LogError
from penstock.processor.directory import staging_in
from penstock.processor.verify import Verified, Verifier

REACH_S: Final = 2.0


async def cluster(request: Request) -> Response:
    """Every partition: how far it has come, whether it goes on, and where its owner listens."""
    gateway = gateway_of(request)
    processor, nodes = gateway.processor, gateway.forwarder.nodes

    def read(numbers: list[int]) -> list[render.Json]:
        return [_partition(gateway, number) for number in numbers]

    def is_here(number: int) -> bool:
        known = processor.position(number) is not None or number in processor.stopped
        return nodes is None or known or processor.is_opening(number)

    found = await everywhere(request, read, is_here=is_here, whole=False)
    if isinstance(found, Response):
        return found
    assigned = Assigned() if nodes is None else await nodes.look()
    partitions = found.items + [_unreached(number) for number in found.missing]
    standbys = {} if nodes is None else nodes.standbys
    for shown in partitions:
        shown["owner"] = assigned.urls.get(shown["partition"])
        shown["standbys"] = list(standbys.get(shown["partition"], ()))
    partitions.sort(key=lambda shown: shown["partition"])
    return json_answer(
        {
            "cluster": gateway.topics.cluster,
            "topic_id": gateway.log.topic_id,
            "commands_in_flight": gateway.engine.in_flight,
            "nodes": sorted(assigned.members),
            "partitions": partitions,
            "standing_by": _standing_by(gateway),
        }
    )


def _standing_by(gateway: Gateway) -> list[render.Json]:
    standbys = gateway.processor.standbys
    if standbys is None:
        return []
    shown: list[render.Json] = []
    for number in standbys.known():
        stopped, next_offset = standbys.stopped().get(number), standbys.position(number)
        status = str(EdgeCode.RESTORING) if next_offset is None else "RUNNING"
        shown.append(
            {
                "partition": number,
                "status": status if stopped is None else str(stopped.cause),
                "message": None if stopped is None else stopped.message,
                "next_offset": next_offset,
                "behind": gateway.sampler.standby_lags.get(number),
            }
        )
    return shown


def _unreached(number: int) -> render.Json:
    return {
        "partition": number,
        "status": str(EdgeCode.UNREACHED),
        "message": "its owner does not answer, or there is none just now",
        "next_offset": None,
        "position": None,
        "log_begin": None,
        "log_end": None,
    }


def _partition(gateway: Gateway, number: int) -> render.Json:
    stopped = gateway.processor.stopped.get(number)
    next_offset = gateway.processor.position(number)
    status = "RUNNING" if gateway.reads.is_open(number) else str(EdgeCode.RESTORING)
    shown: render.Json = {
        "partition": number,
        "status": status if stopped is None else str(stopped.cause),
        "message": None if stopped is None else stopped.message,
        "next_offset": next_offset,
        "position": None if next_offset is None else f"{number}:{next_offset - 1}",
    }
    snapshots = gateway.processor.snapshots
    newest = None if snapshots is None else snapshots.newest.get(number)
    if snapshots is not None and newest is not None:
        age_s = snapshots.ages_s.get(number)
        shown["snapshot"] = {"next_offset": newest.next_offset, "age_s": age_s}
    try:
        shown["log_begin"], shown["log_end"] = gateway.log.bounds(number)
    except LogError as error:
        shown |= {"log_begin": None, "log_end": None, "message": str(error)}
    return shown


async def healthz(request: Request) -> Response:
    """Whether the process does its work at all."""
    failure = gateway_of(request).processor.failure
    if failure is None:
        return json_answer({"status": "ok"})
    return json_answer({"status": "failed", "reasons": [str(failure)]}, status=503)


async def readyz(request: Request) -> Response:
    """Whether this node can answer for all partitions, and its log does."""
    gateway = gateway_of(request)
    missing = await unanswered(gateway)
    reasons = await run_in_threadpool(_unready, gateway, missing)
    if not reasons:
        return json_answer({"status": "ready"})
    return json_answer(
        {"status": "not ready", "reasons": reasons}, status=503, headers={"Retry-After": "1"}
    )


def _unready(gateway: Gateway, missing: list[int]) -> list[str]:
    processor = gateway.processor
    if gateway.load.draining:
        return ["this server is about to stop"]
    reasons = [
        f"partition {number} is stopped: {stopped}"
        for number, stopped in sorted(processor.stopped.items())
    ]
    if processor.failure is not None:
        reasons.append(f"the processor has stopped: {processor.failure}")
    elif missing:
        reasons.append(f"{EdgeCode.RESTORING}: partitions {missing} are not open yet")
        reasons += [f"partition {number}: {why}" for number, why in processor.waiting.items()]
    if processor.is_stale:
        reasons.append(f"{EdgeCode.STALE_OWNER}: the log was not heard from for long")
    if processor.room.problem is not None:
        reasons.append(f"{EdgeCode.NO_ROOM}: {processor.room.problem}")
    try:
        gateway.log.reach(REACH_S)
    except LogError as error:
        reasons.append(f"the log does not answer: {error}")
    return reasons


async def verify(request: Request) -> Response:
    """Fold every partition that is open here anew, and compare with its store."""
    gateway = gateway_of(request)
    snapshots = gateway.processor.snapshots
    place = None if snapshots is None else snapshots.place
    data: Path | None = request.app.state.data
    staging = None if data is None else staging_in(data)
    verifier = Verifier(gateway.log, gateway.avro, gateway.topics, place, staging)
    items: list[Verified] = []
    disk = gateway.processor.room.disk
    for number in gateway.processor.owned():
        if disk is not None and (lacking := disk.lacking_for(disk.store_bytes(number))):
            raise ApiError(EdgeCode.NO_ROOM, f"to verify partition {number}: {lacking}")
        view = gateway.reads.view(number).view
        items += await run_in_threadpool(verifier.verify, number, view)
    stopped = {str(number): str(why) for number, why in gateway.processor.stopped.items()}
    return json_answer({"items": items, "stopped": stopped})


async def stop_here(request: Request) -> Response:
    """Have the node that is asked drain and end, as a signal does. It answers before; to ask again
    changes nothing.
    """
    stop: Callable[[], None] | None = request.app.state.stop
    if stop is None:
        raise ApiError(EdgeCode.NOT_FOUND, "this gateway is part of a process that is not a server")
    asyncio.get_running_loop().call_soon(stop)
    return json_answer({"status": "draining"}, status=202)


HEALTH: Final = Says(gives=Health, other={503: Health})
ROUTES: Final = [
    route("GET", "/v1/cluster", cluster, Says(gives=ClusterShown)),
    route("GET", "/v1/verify", verify, Says(gives=VerifiedAll)),
    route("POST", "/v1/drain", stop_here, Says(gives=Health, status=202, also=(404,))),
    route("GET", "/healthz", healthz, HEALTH),
    route("GET", "/readyz", readyz, HEALTH),
]
