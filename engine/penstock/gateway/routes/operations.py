"""For operators: the partitions, dead letters, health, and the comparison of the stores with the
log.
"""

from __future__ import annotations

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.avro import Malformed
from penstock.contracts.records import DeadRecord
from penstock.gateway import render
from penstock.gateway.errors import EdgeCode
from penstock.gateway.web import Gateway, gateway_of, int_param, json_answer, route
from penstock.log.port import LogError
from penstock.processor.verify import Verified, Verifier

DEAD_LETTERS_MAX: Final = 1_000
REACH_S: Final = 2.0


async def cluster(request: Request) -> Response:
    """Every partition: how far it has come, and whether it goes on."""
    gateway = gateway_of(request)
    partitions = await run_in_threadpool(
        lambda: [_partition(gateway, number) for number in range(gateway.reads.partitions)]
    )
    return json_answer(
        {
            "cluster": gateway.topics.cluster,
            "topic_id": gateway.log.topic_id,
            "commands_in_flight": gateway.engine.in_flight,
            "partitions": partitions,
        }
    )


def _partition(gateway: Gateway, number: int) -> render.Json:
    stopped = gateway.processor.stopped.get(number)
    next_offset = gateway.processor.position(number)
    status = "RUNNING" if next_offset is not None else str(EdgeCode.RESTORING)
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


async def dead_letters(request: Request) -> Response:
    """The newest dead letters, newest first."""
    gateway = gateway_of(request)
    limit = int_param(request, "limit", 100, low=1, high=DEAD_LETTERS_MAX)
    records = await run_in_threadpool(gateway.log.read_all, gateway.topics.dead_letters)
    items: list[render.Json] = []
    for record in reversed(records[-limit:]):
        try:
            dead, _ = gateway.avro.decode(record.value or b"")
        except Malformed:
            continue
        if isinstance(dead, DeadRecord):
            items.append(render.dead_letter(dead, record))
    return json_answer({"items": items, "total": len(records)})


async def healthz(request: Request) -> Response:
    """Whether the process does its work at all."""
    failure = gateway_of(request).processor.failure
    if failure is None:
        return json_answer({"status": "ok"})
    return json_answer({"status": "failed", "reasons": [str(failure)]}, status=503)


async def readyz(request: Request) -> Response:
    """Whether the partitions of this process are open and its log answers."""
    reasons = await run_in_threadpool(_unready, gateway_of(request))
    if not reasons:
        return json_answer({"status": "ready"})
    return json_answer(
        {"status": "not ready", "reasons": reasons}, status=503, headers={"Retry-After": "1"}
    )


def _unready(gateway: Gateway) -> list[str]:
    processor = gateway.processor
    reasons = [
        f"partition {number} is stopped: {stopped}"
        for number, stopped in sorted(processor.stopped.items())
    ]
    if processor.failure is not None:
        reasons.append(f"the processor has stopped: {processor.failure}")
    else:
        # Until a gateway forwards to other owners, it is ready when all partitions are here.
        known = {*processor.owned(), *processor.stopped}
        missing = [number for number in range(gateway.log.partitions) if number not in known]
        if missing:
            reasons.append(f"{EdgeCode.RESTORING}: partitions {missing} are not open here yet")
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
    verifier = Verifier(gateway.log, gateway.avro, gateway.topics, place)
    items: list[Verified] = []
    for number in gateway.processor.owned():
        view = gateway.reads.view(number).view
        items += await run_in_threadpool(verifier.verify, number, view)
    stopped = {str(number): str(why) for number, why in gateway.processor.stopped.items()}
    return json_answer({"items": items, "stopped": stopped})


ROUTES: Final = [
    route("GET", "/v1/cluster", cluster),
    route("GET", "/v1/dead-letters", dead_letters),
    route("GET", "/v1/verify", verify),
    route("GET", "/healthz", healthz),
    route("GET", "/readyz", readyz),
]
