"""Answers that go on: server-sent events, for as long as who follows may have them.

Rules
- Every stream goes through `streamed`, and is counted. Once a second it looks anew at the
  credential and at what may be done with it; a stream that may not go on ends with an `error`,
  which has a stable code.
- An `error` is the last event: also where a partition has left this node. Who follows comes again,
  and is sent where it is. A server that stops ends its streams without one.
- Who hears nothing for long is told so, by a comment: all on the way know that the stream lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from penstock.core.errors import Reject
from penstock.gateway.auth import identify
from penstock.gateway.errors import STATUS_OF, ApiError, EdgeCode
from penstock.gateway.open_streams import Stream
from penstock.gateway.sent_events import ERROR, MEDIA, Events, event
from penstock.gateway.web import admitted_again, gateway_of
from penstock.store.port import StoreError

LOOK_S: Final = 1.0
"""How often it is looked at whether who follows may go on."""
QUIET_S: Final = 15.0
QUIET: Final = b": quiet\n\n"
HEADERS: Final = {"Content-Type": MEDIA, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def streamed(
    request: Request, events: Events, check: Callable[[], object] | None = None
) -> Response:
    """Answer with events, as they come. `check` refuses who may not see them any more, where the
    route's own leave does not say it: it is asked when what the caller may do has changed.
    """
    counted = gateway_of(request).streams.one_of(identify(request).tenant)
    told = _while_allowed(request, events, check)
    return Stream(told, HEADERS, counted, told.aclose)


async def _while_allowed(
    request: Request, events: Events, check: Callable[[], object] | None
) -> Events:
    watch, loop = gateway_of(request).watch, asyncio.get_running_loop()
    looked_s = told_s = loop.time()
    coming: asyncio.Task[bytes | None] | None = None
    try:
        while not watch.closing:
            if coming is None:
                coming = asyncio.ensure_future(_next(events))
            await asyncio.wait({coming}, timeout=LOOK_S)
            if loop.time() - looked_s >= LOOK_S:
                if await admitted_again(request) and check is not None:
                    check()
                looked_s = loop.time()
            told = QUIET if loop.time() - told_s >= QUIET_S else b""
            if coming.done():
                came, coming = coming.result(), None
                if came is None:
                    return
                told = came
            if told:
                yield told
                told_s = loop.time()
    except (ApiError, Reject) as error:
        yield _ended(error)
    except StoreError:
        yield _ended(ApiError(EdgeCode.RESTORING, "it can not be read just now"))
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        await events.aclose()


def _ended(why: ApiError | Reject) -> bytes:
    """The last event. Its status is the one that the refusal of a request would have."""
    status = STATUS_OF[why.code]
    return event(ERROR, {"code": why.code, "message": why.message, "status": status})


async def _next(events: Events) -> bytes | None:
    return await anext(events, None)
