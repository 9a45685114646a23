"""The HTTP application: its routes, the shape of its errors, its beginning and its end."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.errors import Fault, Reject
from penstock.gateway.at_once import bounds_of
from penstock.gateway.auth import OPEN, Security
from penstock.gateway.backlogs import Backlogs
from penstock.gateway.counted import Counted
from penstock.gateway.engine import Engine
from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.forward import Forwarder
from penstock.gateway.framing import OneLength
from penstock.gateway.load import Limits, Load
from penstock.gateway.nodes import Nodes
from penstock.gateway.pages import pages_of
from penstock.gateway.reads import Reads
from penstock.gateway.routes import (
    bulk,
    changes,
    counts,
    dead_letters,
    definitions,
    doctor,
    events,
    expressions,
    gone_addresses,
    how_many,
    metrics,
    openapi,
    operations,
    part_search,
    principals,
    quotas,
    run_parts,
    run_words,
    schedules,
    snapshots,
    task_metrics,
    task_runs,
    tasks,
    tenants,
    user_tasks,
    verbs,
    webhook_deliveries,
    webhooks,
    wf_runs,
    workflows,
)
from penstock.gateway.run_changes import RunChanges
from penstock.gateway.sampler import Sampler
from penstock.gateway.shown_runs import ShownRuns
from penstock.gateway.task_queue import TaskQueues
from penstock.gateway.watch import Watch
from penstock.gateway.web import Gateway, json_answer
from penstock.log.port import EngineLog
from penstock.observe.tally import HttpTally
from penstock.processor.processor import Processor
from penstock.store.port import StoreError

ROUTES: Final = [
    *definitions.ROUTES,
    *workflows.ROUTES,
    *counts.ROUTES,
    *gone_addresses.ROUTES,
    *wf_runs.ROUTES,
    *user_tasks.ROUTES,
    *verbs.ROUTES,
    *bulk.ROUTES,
    *run_parts.ROUTES,
    *run_words.ROUTES,
    *changes.ROUTES,
    *task_runs.ROUTES,
    *part_search.ROUTES,
    *how_many.ROUTES,
    *task_metrics.ROUTES,
    *events.ROUTES,
    *expressions.ROUTES,
    *schedules.ROUTES,
    *tasks.ROUTES,
    *webhook_deliveries.ROUTES,
    *webhooks.ROUTES,
    *principals.ROUTES,
    *tenants.ROUTES,
    *quotas.ROUTES,
    *dead_letters.ROUTES,
    *doctor.ROUTES,
    *snapshots.ROUTES,
    *operations.ROUTES,
    *metrics.ROUTES,
    *openapi.ROUTES,
]

logger = logging.getLogger("penstock.gateway")


def make_app(
    *,
    processor: Processor,
    log: EngineLog,
    avro: Avro,
    topics: Topics,
    limits: Limits | None = None,
    nodes: Nodes | None = None,
    data: Path | None = None,
    security: Security = OPEN,
) -> Starlette:
    """The application in front of a processor, which somebody else starts and stops; without
    `nodes` there is no other one. `data` is the directory of its stores, for doctor to look at.
    `security` says whether callers are asked for credentials.
    """
    gateway = make_gateway(
        processor=processor,
        log=log,
        avro=avro,
        topics=topics,
        limits=limits or Limits(),
        nodes=nodes,
        security=security,
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        gateway.watch.open()
        gateway.sampler.start()
        yield
        release(gateway)
        gateway.sampler.stop()
        await gateway.queues.closed()
        await gateway.forwarder.closed()
        gateway.engine.close()
        gateway.backlogs.close()

    app = Starlette(
        routes=[
            *(_anywhere(gateway, one) for one in ROUTES if isinstance(one, Route)),
            *pages_of(),
        ],
        lifespan=lifespan,
        middleware=[Middleware(Counted, tally=gateway.http), Middleware(OneLength, refused=_error)],
        exception_handlers={
            ApiError: on_api_error,
            Reject: on_reject,
            StoreError: on_store_error,
            HTTPException: on_http_exception,
            ClientDisconnect: on_disconnect,
            Exception: on_defect,
        },
    )
    app.router.redirect_slashes = False
    app.state.gateway = gateway
    app.state.data = data
    app.state.stop = None  # a server that is at work says how
    app.state.routes = ROUTES
    return app


def make_gateway(
    *,
    processor: Processor,
    log: EngineLog,
    avro: Avro,
    topics: Topics,
    limits: Limits,
    nodes: Nodes | None,
    security: Security = OPEN,
) -> Gateway:
    """The parts of a gateway, put together."""
    watch, http = Watch(), HttpTally()
    sampler = Sampler(
        processor=processor, log=log, topics=topics, queues_look_s=limits.queues_look_s
    )
    load = Load(processor=processor, sampler=sampler, limits=limits)
    run_changes = RunChanges()
    for written in (watch.written, run_changes.written):
        processor.watch(written)
    reads = Reads(processor=processor, watch=watch, sampler=sampler, partitions=log.partitions)
    engine = Engine(
        processor=processor,
        log=log,
        avro=avro,
        topics=topics,
        reads=reads,
        limits=limits,
        load=load,
    )
    bounds = bounds_of(limits)
    forwarder = Forwarder(
        nodes=nodes, engine=engine, limits=limits, bounds=bounds, context=security.context
    )
    queues = TaskQueues(log=log, avro=avro, topics=topics, forwarder=forwarder, limits=limits)
    for departed in (watch.departed, engine.departed, queues.departed):
        processor.on_departure(departed)
    return Gateway(
        processor=processor,
        log=log,
        avro=avro,
        topics=topics,
        limits=limits,
        watch=watch,
        reads=reads,
        engine=engine,
        queues=queues,
        run_changes=run_changes,
        shown_runs=ShownRuns(run_changes, reads),
        streams=bounds.streams,
        waits=bounds.waits,
        searches=bounds.searches,
        backlogs=Backlogs(log=log, topics=topics),
        forwarder=forwarder,
        load=load,
        sampler=sampler,
        http=http,
        security=security,
    )


def _anywhere(gateway: Gateway, here: Route) -> Route:
    """A route that answers whoever has the partition."""

    async def anywhere(request: Request) -> Response:
        return await gateway.forwarder.anywhere(request, here.endpoint)

    return Route(here.path, anywhere, methods=here.methods)


def drain(gateway: Gateway) -> None:
    """The server is about to stop: readiness is red at once, and who only waits is let go. On the
    event loop.
    """
    gateway.load.draining = True
    release(gateway)


def release(gateway: Gateway) -> None:
    """Let all who wait go: a server that stops waits for its requests to end. On the event loop."""
    gateway.queues.close()
    gateway.watch.close()
    gateway.forwarder.close()


async def on_api_error(_: Request, error: Exception) -> Response:
    """An error that has a code."""
    assert isinstance(error, ApiError)
    return _error(error)


async def on_reject(_: Request, error: Exception) -> Response:
    """A refusal by a check of the core's, made here before anything is sent."""
    assert isinstance(error, Reject)
    return _error(ApiError(error.code, error.message, faults=error.faults))


async def on_store_error(_: Request, error: Exception) -> Response:
    """A store that can not be read just now: it is being closed, or its partition is in trouble."""
    logger.warning("a read failed: %s", error)
    return _error(ApiError(EdgeCode.RESTORING, "the partition can not be read just now"))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """No such route, or not with this method."""
    assert isinstance(error, HTTPException)
    path = _shown(request.url.path)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"{path} has no {request.method}"
        code = EdgeCode.METHOD_NOT_ALLOWED
    elif error.status_code == HTTPStatus.NOT_FOUND:
        code, message = EdgeCode.NOT_FOUND, f"there is no route {path}"
    else:
        code, message = EdgeCode.BAD_REQUEST, error.detail
    return _error(ApiError(code, message, headers=error.headers))


def _shown(path: str) -> str:
    """A path for a message; one that may have the key of a webhook in it is not repeated."""
    return webhooks.HIDDEN if webhooks.PATH in path else path


async def on_disconnect(_: Request, error: Exception) -> Response:
    """The client went away within its request; nobody reads this answer."""
    return _error(ApiError(EdgeCode.BAD_REQUEST, "the request did not end"))


async def on_defect(_: Request, error: Exception) -> Response:
    """A defect of ours: told by an id, under which the log has the rest."""
    incident = uuid.uuid4().hex[:12]
    logger.error("incident %s", incident, exc_info=error)
    return _error(
        ApiError(EdgeCode.INTERNAL, f"the gateway hit a defect of its own; incident {incident}")
    )


def _fault(fault: Fault) -> dict[str, str | None]:
    return {
        "fault": fault.kind,
        "message": fault.message,
        "thread": fault.thread or None,
        "node": fault.node or None,
    }


def _error(error: ApiError) -> Response:
    told: dict[str, object] = {"code": error.code, "message": error.message}
    if error.faults:
        told["faults"] = [_fault(fault) for fault in error.faults]
    body: dict[str, object] = {"error": told}
    if error.position is not None:
        body["position"] = str(error.position)
    return json_answer(body, status=error.status, position=error.position, headers=error.headers)
