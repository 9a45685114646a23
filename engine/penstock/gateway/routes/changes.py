"""Live updates, as server-sent events: that something has changed, and which runs."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.contracts.answers.runs import WfRunHead
from penstock.contracts.answers.streams import Begun, Changed, LeftSearch, MissingPartitions
from penstock.contracts.filters import RunFilters
from penstock.core.ids import root_of
from penstock.core.state.regions import family_region
from penstock.gateway import followed
from penstock.gateway.auth import identify
from penstock.gateway.dialects import dialect_of
from penstock.gateway.filters import params_of
from penstock.gateway.newest_runs import RunSearch
from penstock.gateway.reads import NewerTurns, Reads, View
from penstock.gateway.routes.run_words import PAUSE_S
from penstock.gateway.routes.wf_runs import RUN, known_run
from penstock.gateway.run_follow import FollowedRuns
from penstock.gateway.says import AT_LEAST, VIEW, follows
from penstock.gateway.sent_events import MISSING, Events, event
from penstock.gateway.streams import LOOK_S, QUIET_S, streamed
from penstock.gateway.web import Gateway, gateway_of, route, sees_run, view_of_run

POSITIONS_S: Final = 0.5
"""How often all partitions are looked at: the position of each is at hand."""


async def of_run(request: Request) -> Response:
    """That a run has changed, or one of its family, as server-sent events: `changed` with its
    position, at first and after each change. What has changed is then to be read.
    """
    view, tenant, wf_run_id = await view_of_run(request)
    known_run(view, tenant, wf_run_id)
    region = family_region(tenant, root_of(wf_run_id))
    events = _changes_of_run(gateway_of(request), region, view)
    return streamed(request, events, sees_run(request, view.position.partition, wf_run_id))


async def of_all(request: Request) -> Response:
    """That partitions have gone on, wherever they are, as server-sent events: `changed` with the
    positions of those that have; at first of all. `missing` has `partitions`, each with a `code`
    and a `message`, of which nothing is told just now: it comes when that changes, and is empty
    once all are told of again.
    """
    events = await followed.everywhere(request, partial(_changes, gateway_of(request).reads))
    return streamed(request, events)


async def of_wf_runs(request: Request) -> Response:
    """Runs that a search finds, as they change, as server-sent events. `begin` comes first, and
    whenever something may have been missed: search now, what follows is newer. Then `run` with a
    run that has begun or changed, and `left` with the id of one that the search does not find any
    more. `missing` has `partitions`, each with a `code` and a `message`, of which nothing is told
    just now: each has a `begin` of its own when it is back.
    """
    asked, dialect = RunSearch.of(request.query_params), dialect_of(request)
    here = partial(_runs, request, FollowedRuns(dialect, asked, gateway_of(request).shown_runs))
    return streamed(request, await followed.everywhere(request, here))


async def _changes_of_run(gateway: Gateway, region: bytes, view: View) -> Events:
    number, newer = view.position.partition, NewerTurns(gateway.reads, view, region)
    yield event("changed", {"positions": [str(view.position)]})
    while not gateway.watch.closing:
        found = await gateway.watch.until(number, newer.look, QUIET_S)
        if found is not None:
            yield event("changed", {"positions": [str(found.position)]})
            await asyncio.sleep(PAUSE_S)


async def _changes(reads: Reads, numbers: frozenset[int]) -> Events:
    told: dict[int, str] = {}
    while True:
        found = {number: str(reads.view(number).position) for number in sorted(numbers)}
        changed = [found[number] for number in found if found[number] != told.get(number)]
        if changed:
            told = found
            yield event("changed", {"positions": changed})
        await asyncio.sleep(POSITIONS_S)


async def _runs(request: Request, found: FollowedRuns, numbers: frozenset[int]) -> Events:
    gateway, tenant = gateway_of(request), identify(request).tenant
    reads = gateway.reads

    def begin() -> bytes:
        found.begin()
        positions = [str(reads.view(number).position) for number in sorted(numbers)]
        return event("begin", {"positions": positions})

    with gateway.run_changes.following(tenant, numbers) as following:
        yield begin()
        while True:
            changed, missed = await following.changed(LOOK_S)
            for number in numbers:
                reads.check_served(number)
            if missed:
                yield begin()
            elif changed:
                caller = identify(request)
                for told in await run_in_threadpool(found.look, caller, changed):
                    yield told
                await asyncio.sleep(PAUSE_S)


FOLLOWED: Final = {"begin": Begun, "run": WfRunHead, "left": LeftSearch, MISSING: MissingPartitions}
ROUTES: Final = [
    route("GET", RUN + "/follow", of_run, follows({"changed": Changed}, AT_LEAST)),
    route(
        "GET",
        "/v1/changes/follow",
        of_all,
        follows({"changed": Changed, MISSING: MissingPartitions}),
    ),
    route(
        "GET",
        "/v1/changes/wf-runs/follow",
        of_wf_runs,
        follows(FOLLOWED, VIEW, *params_of(RunFilters)),
    ),
]
