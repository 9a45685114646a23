"""Connections to a server: the one that blocks and the one that is awaited.

Rule: what is asked, what an error means and when something is sent again stands once, in exchanges
and in `Connection`; the two classes below it only carry bytes, wait, and hand on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing
from threading import Lock
from typing import Final, TypeAlias, TypeVar

import httpx
from msgspec.structs import replace

from penstock.sdk import api, credential
from penstock.sdk.api import Call, Exchange, Reply
from penstock.sdk.errors import PenstockError
from penstock.sdk.tail import Tail

T = TypeVar("T")

Feed: TypeAlias = Callable[[], Exchange[Sequence[T] | None]]
"""What comes in pieces: each exchange brings the next ones, and the last one None."""

TOKENS_MAX: Final = 10_000
LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""Whoever waits for runs holds a connection for each: others do not queue behind them. How many may
wait is for the server to say.
"""


class Connection:
    """What both have: where the server is, and how far its partitions must have come for what this
    client has written to be read. Without a tenant the server says which it is: the credential's.
    """

    def __init__(self, url: str, tenant: str | None, deadline_s: float) -> None:
        self.url = api.checked_url(url)
        self.tenant = tenant
        self.deadline_s = deadline_s
        self._tokens: dict[str, str] = {}
        self._lock = Lock()

    def ask(self, call: Call) -> Exchange[Reply]:
        """Ask until there is an answer for good, or the deadline is over."""
        deadline = time.monotonic() + self.deadline_s + call.wait_s + call.after_s
        call = self._not_older(call)
        retry = 0
        while True:
            try:
                reply = yield call
            except PenstockError as error:
                pause_s = api.pause_s(retry, error)
                if not api.may_retry(error, call) or time.monotonic() + pause_s > deadline:
                    raise
            else:
                self._note(call, reply)
                return reply
            call = replace(call, after_s=pause_s)
            retry += 1

    def request_of(self, http: httpx.Client | httpx.AsyncClient, call: Call) -> httpx.Request:
        """A call as a request of its HTTP client."""
        return http.build_request(
            call.method,
            call.path,
            content=call.content,
            params=dict(call.params),
            headers=call.headers(self.tenant),
            timeout=call.timeout,
        )

    def _not_older(self, call: Call) -> Call:
        """A read, of what this client has written."""
        token = self._tokens.get(call.of or "")
        if token is None or call.command_id is not None:
            return call
        return replace(call, params={**call.params, "at_least": token})

    def _note(self, call: Call, reply: Reply) -> None:
        """Remember how far the partition must have come for later reads."""
        if call.of is None or call.command_id is None or reply.position is None:
            return
        with self._lock:
            self._tokens.pop(call.of, None)
            self._tokens[call.of] = reply.position
            if len(self._tokens) > TOKENS_MAX:
                del self._tokens[next(iter(self._tokens))]


class Blocking(Connection):
    """Carries exchanges out in the thread that asks."""

    def __init__(
        self,
        url: str,
        tenant: str | None,
        deadline_s: float,
        api_key: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, tenant, deadline_s)
        self._http = httpx.Client(
            transport=transport, limits=LIMITS, **credential.options(url, api_key)
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def do(self, exchange: Exchange[T]) -> T:
        """What comes of an exchange."""
        with closing(exchange):
            try:
                call = next(exchange)
                while True:
                    try:
                        reply = self._once(call)
                    except PenstockError as error:
                        call = exchange.throw(error)
                    else:
                        call = exchange.send(reply)
            except StopIteration as ended:
                return ended.value

    def iterate(self, source: Feed[T] | Tail[T]) -> Iterator[T]:
        """All that comes of it."""
        return self._each(source) if callable(source) else self._follow(source)

    def _each(self, feed: Feed[T]) -> Iterator[T]:
        while (batch := self.do(feed())) is not None:
            yield from batch

    def _follow(self, tail: Tail[T]) -> Iterator[T]:
        while not tail.ended:
            error = None
            try:
                response = self._http.send(self.request_of(self._http, tail.begin()), stream=True)
                with closing(response):
                    if not response.is_success:
                        response.read()
                        api.reply_of(response)
                    for text in response.iter_text():
                        yield from tail.take(text)
            except httpx.RequestError as raised:
                error = api.unreachable(self.url, raised)
            except PenstockError as raised:
                error = raised
            time.sleep(tail.broken(error))

    def _once(self, call: Call) -> Reply:
        if call.after_s:
            time.sleep(call.after_s)
        try:
            response = self._http.send(self.request_of(self._http, call))
        except httpx.RequestError as error:
            raise api.unreachable(self.url, error) from error
        return api.reply_of(response)


class Awaiting(Connection):
    """Carries exchanges out on an event loop."""

    def __init__(
        self,
        url: str,
        tenant: str | None,
        deadline_s: float,
        api_key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(url, tenant, deadline_s)
        options = credential.options(url, api_key)
        self._http = httpx.AsyncClient(transport=transport, limits=LIMITS, **options)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def do(self, exchange: Exchange[T]) -> T:
        """See Blocking."""
        with closing(exchange):
            try:
                call = next(exchange)
                while True:
                    try:
                        reply = await self._once(call)
                    except PenstockError as error:
                        call = exchange.throw(error)
                    else:
                        call = exchange.send(reply)
            except StopIteration as ended:
                return ended.value

    def iterate(self, source: Feed[T] | Tail[T]) -> AsyncIterator[T]:
        """See Blocking."""
        return self._each(source) if callable(source) else self._follow(source)

    async def _each(self, feed: Feed[T]) -> AsyncIterator[T]:
        while (batch := await self.do(feed())) is not None:
            for one in batch:
                yield one

    async def _follow(self, tail: Tail[T]) -> AsyncIterator[T]:
        while not tail.ended:
            error = None
            try:
                request = self.request_of(self._http, tail.begin())
                response = await self._http.send(request, stream=True)
                try:
                    if not response.is_success:
                        await response.aread()
                        api.reply_of(response)
                    async for text in response.aiter_text():
                        for one in tail.take(text):
                            yield one
                finally:
                    await response.aclose()
            except httpx.RequestError as raised:
                error = api.unreachable(self.url, raised)
            except PenstockError as raised:
                error = raised
            await asyncio.sleep(tail.broken(error))

    async def _once(self, call: Call) -> Reply:
        if call.after_s:
            await asyncio.sleep(call.after_s)
        try:
            response = await self._http.send(self.request_of(self._http, call))
        except httpx.RequestError as error:
            raise api.unreachable(self.url, error) from error
        return api.reply_of(response)
