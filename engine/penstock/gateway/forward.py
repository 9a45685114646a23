"""Any node answers any request: one whose partition is elsewhere goes to the owner as it is, and
its answer comes back.

Rules
- A request is forwarded once. Who gets a forwarded one and is not the owner either says so
  (NOT_OWNER); the first node asks again who is, and goes on until its deadline.
- What is sent again has the command id that the first node has given it: it has one effect. What
  has none, a poll for tasks, is sent again only if it has not arrived.
- Who waits long, and who follows, has connections of its own, so that it takes none from those that
  are answered at once. They are bounded by how many waits and streams there may be.
- Of the connections for what is answered at once a tenant has a part, a smaller one the more
  tenants there are: what an owner takes long for keeps back those whose it is, and nobody else.
- Headers go on as the bytes that they came as. What nodes say to each other in headers is said
  anew: what a client says there does not go on.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, nullcontext
from typing import Any, Final

import httpx
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from penstock.core.command import Command
from penstock.core.errors import Code
from penstock.gateway.asked import HOP_HEADER, OF_ONE_HOP, Asked, asked_of, is_forwarded, raw
from penstock.gateway.at_once import Bounds, Turns
from penstock.gateway.auth import Caller, identify
from penstock.gateway.engine import Engine
from penstock.gateway.errors import ApiError, EdgeCode, NotHere, code_named
from penstock.gateway.json_in import COMMAND_ID_HEADER
from penstock.gateway.load import Limits
from penstock.gateway.nodes import Nodes
from penstock.gateway.open_streams import Stream
from penstock.gateway.patience import Patience

BRIEF_MAX: Final = 256
CONNECT_S: Final = 1.0
FOLLOW_QUIET_S: Final = 30.0
"""Who follows hears something more often than that."""
NOT_YET: Final = frozenset(
    {EdgeCode.NOT_OWNER, EdgeCode.RESTORING, EdgeCode.STALE_OWNER, EdgeCode.DRAINING}
)
"""With these nothing was done, and the same request may be answered in a moment."""
logger = logging.getLogger("penstock.gateway")
for _name in ("httpx", "httpcore"):  # they would log addresses, in which may be a webhook's key
    logging.getLogger(_name).setLevel(logging.WARNING)


class Forwarder:
    """Sends requests to the nodes that own their partitions; with no `nodes` there are no others.
    Used on the event loop.
    """

    def __init__(
        self,
        *,
        nodes: Nodes | None,
        engine: Engine,
        limits: Limits,
        bounds: Bounds,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.nodes = nodes
        self._streams, self._waits = bounds.streams, bounds.waits
        self._context = context
        self._turns = Turns(
            BRIEF_MAX,
            wait_s=limits.answer_timeout_s,
            refused="too many requests are under way to other nodes for one more of the tenant",
        )
        self._engine = engine
        self._timeout_s = limits.answer_timeout_s
        self._read_s = max(limits.answer_timeout_s, limits.read_timeout_s) + 2.0
        self._clients: dict[int | None, httpx.AsyncClient] = {}
        self._closing = asyncio.Event()
        self._relayed: set[httpx.Response] = set()
        self._ending: list[asyncio.Task[None]] = []

    def patience(self) -> Patience:
        """For one request."""
        return Patience(self._timeout_s)

    def close(self) -> None:
        """Let those go who wait at other nodes."""
        self._closing.set()
        self._ending += [asyncio.ensure_future(one.aclose()) for one in self._relayed]

    async def closed(self) -> None:
        """Let go of all connections."""
        for client in self._clients.values():
            await client.aclose()

    async def anywhere(
        self, request: Request, handler: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """What `handler` answers, here or where the partition is."""
        patience = self.patience()
        while True:
            try:
                return await handler(request)
            except NotHere as away:
                if self.nodes is None:
                    raise
                if is_forwarded(request):
                    raise away if away.opening else _not_owner(away) from away
                asked = await asked_of(request, patience.since_s)
                if asked.follows:
                    self._streams.check(asked.tenant)
                with self._waits.one_of(asked.tenant) if asked.waits else nullcontext():
                    answer = await self._elsewhere(asked, away, patience, request)
                if answer is not None:
                    return self._answer(request, answer)

    async def say(self, command: Command, path: str, caller: Caller, command_id: str) -> str | None:
        """Send a command to its partition, wherever it is; the code with which it was refused.
        Raises ApiError for what is no answer to the command: nothing is known of its effect.
        """
        patience = self.patience()
        while True:
            try:
                return (await self._engine.send(command, caller, command_id)).answer.code
            except NotHere as away:
                asked = Asked(
                    method="POST",
                    target=path.encode(),
                    headers=raw({**caller.headers, COMMAND_ID_HEADER: command_id}),
                    body=msgspec.json.encode(command),
                    tenant=caller.tenant,
                )
                answer = await self._elsewhere(asked, away, patience)
                if answer is not None:
                    return _code_of_core(answer)

    async def part(self, number: int, asked: Asked, patience: Patience) -> Any | None:
        """The JSON that the owner of a partition answers; None if it is to be looked at here again.
        Raises what it refuses with.
        """
        away = NotHere(number)
        answer = await self._elsewhere(asked, away, patience)
        return None if answer is None else _json(answer)

    async def at(self, url: str, asked: Asked) -> Any:
        """The JSON that a node answers; raises ApiError."""
        return _json(await self._send(url, asked))

    async def follow(self, url: str, asked: Asked) -> AsyncGenerator[bytes]:
        """The stream that a node answers with, as it comes; raises what it refuses with."""
        answer = await self._once(url, asked)
        if not _is_stream(answer):
            raise _refusal_of(answer)
        async with aclosing(self._relay(answer)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _elsewhere(
        self, asked: Asked, away: NotHere, patience: Patience, request: Request | None = None
    ) -> httpx.Response | None:
        """The answer of the owner, or of any reader; None if there is none yet, after a pause."""
        if self.nodes is None:
            raise away
        number = away.number
        if away.any_reader:
            there = await self.nodes.reader_of(number, patience.tries)
        else:
            there = await self.nodes.owner_of(number, again=patience.tries > 0)
        reason: ApiError = away
        if there is not None:
            try:
                return await self._send(there, asked, request)
            except ApiError as error:
                if error.code not in NOT_YET | {EdgeCode.UNREACHED}:
                    raise
                reason = error
        elif not away.opening:
            reason = ApiError(EdgeCode.UNREACHED, f"partition {number} has no owner just now")
        await patience.pause(reason)
        return None

    async def _send(self, url: str, asked: Asked, request: Request | None = None) -> httpx.Response:
        """One try. UNREACHED: it may be sent again."""
        if request is None or not (asked.follows or asked.wait_s > 0):
            return await self._once(url, asked)  # it is over soon, also when this node stops
        sending = asyncio.ensure_future(self._once(url, asked))
        others = [
            asyncio.ensure_future(disconnected(request)),
            asyncio.ensure_future(self._closing.wait()),
        ]
        try:
            await asyncio.wait({sending, *others}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return sending.result()
            raise ApiError(EdgeCode.UNAVAILABLE, "this node is stopping; ask again")
        finally:
            for one in (sending, *others):
                one.cancel()

    async def _once(self, url: str, asked: Asked) -> httpx.Response:
        if asked.is_live:
            return await self._answered(url, asked)
        async with self._turns.one_of(asked.tenant):
            return await self._answered(url, asked)

    async def _answered(self, url: str, asked: Asked) -> httpx.Response:
        assert self.nodes is not None, "there are other nodes"
        client = self._client(asked)
        read_s = FOLLOW_QUIET_S if asked.follows else self._read_s + asked.wait_s
        request = client.build_request(
            asked.method,
            httpx.URL(url).copy_with(raw_path=asked.target),
            headers=[*asked.headers, *raw({HOP_HEADER: self.nodes.here})],
            content=asked.body,
            timeout=httpx.Timeout(read_s, connect=CONNECT_S, pool=self._timeout_s),
        )
        try:
            answer = await client.send(request, stream=True)
            if not _is_stream(answer):
                await answer.aread()
        except httpx.PoolTimeout as error:
            raise ApiError(
                EdgeCode.OVERLOADED, "too many requests are under way to other nodes"
            ) from error
        except httpx.TransportError as error:
            arrived = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise ApiError(
                EdgeCode.UNAVAILABLE if asked.once and arrived else EdgeCode.UNREACHED,
                f"the node at {url} does not answer ({type(error).__name__}); try again",
            ) from error
        code = None if answer.is_success else code_of(answer)
        if code in NOT_YET:
            raise ApiError(EdgeCode(code), f"{url} answers {code}")
        return answer

    def _client(self, asked: Asked) -> httpx.AsyncClient:
        most = None if asked.is_live else BRIEF_MAX
        if most not in self._clients:
            self._clients[most] = httpx.AsyncClient(
                limits=httpx.Limits(max_connections=most, max_keepalive_connections=BRIEF_MAX),
                trust_env=False,
                verify=True if self._context is None else self._context,
            )
        return self._clients[most]

    def _answer(self, request: Request, answer: httpx.Response) -> Response:
        headers = {name: value for name, value in answer.headers.items() if name not in OF_ONE_HOP}
        if not _is_stream(answer):
            return Response(answer.content, answer.status_code, headers)
        counted = self._streams.one_of(identify(request).tenant)
        return Stream(self._relay(answer), headers, counted, answer.aclose)

    async def _relay(self, answer: httpx.Response) -> AsyncGenerator[bytes]:
        """The stream, as long as the owner sends. One that breaks ends; its reader asks again."""
        self._relayed.add(answer)
        try:
            async for chunk in answer.aiter_raw():
                yield chunk
        except (httpx.TransportError, httpx.StreamError) as error:
            logger.info("a stream from another node has ended: %r", error)
        finally:
            self._relayed.discard(answer)
            await answer.aclose()


async def disconnected(request: Request) -> None:
    """Wait until the client is no longer there; its body must be read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def code_of(answer: httpx.Response) -> str | None:
    """The code of an error."""
    if answer.is_success:
        return None
    try:
        return answer.json()["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)


def _message_of(answer: httpx.Response) -> str:
    try:
        return answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return f"another node has answered {answer.status_code}"


def _json(answer: httpx.Response) -> Any:
    """The body of a good answer; raises what was refused."""
    if answer.is_success:
        return answer.json()
    raise _refusal_of(answer)


def _code_of_core(answer: httpx.Response) -> Code | None:
    """The code with which a command was refused; raises what only the other gateway says."""
    if answer.is_success:
        return None
    refusal = _refusal_of(answer)
    if not isinstance(refusal.code, Code):
        raise refusal
    return refusal.code


def _refusal_of(answer: httpx.Response) -> ApiError:
    code = code_named(code_of(answer) or "") or EdgeCode.UNREACHED
    return ApiError(code, _message_of(answer))


def _is_stream(answer: httpx.Response) -> bool:
    return answer.headers.get("content-type", "").startswith("text/event-stream")


def _not_owner(away: NotHere) -> ApiError:
    return ApiError(
        EdgeCode.NOT_OWNER, f"partition {away.number} is not on this node; ask again who has it"
    )
