"""How much of one kind there is at once at a node, of each tenant and in all: streams, waits and
searches hold a connection, or a thread, for longer than a request should.

Rules
- Each is counted where it holds something: what is forwarded counts at both nodes, since the header
  that says so is one that anybody can send.
- It counts until it has ended, however it ends. One too many is refused before it has begun.
- Of what is over soon, one too many is not refused: it waits for its turn among its tenant's, and
  no few tenants can keep all turns from the others.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final, NamedTuple, TypeVar

import anyio
from anyio.to_thread import run_sync

from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.load import Limits

T = TypeVar("T")

SEARCHES_AT_WORK: Final = 4
"""The others wait for their turn: with more threads none would be done sooner, and the fold would
have less of the processor.
"""


class AtOnce:
    """Those of one kind, which a message calls `what`. Used on the event loop."""

    def __init__(
        self, code: EdgeCode, what: str, *, most: int, tenant_most: int, retry_after_s: int
    ) -> None:
        self.of_tenants: Counter[str] = Counter()
        self._code = code
        self._what = what
        self._most = most
        self._tenant_most = tenant_most
        self._headers = {"Retry-After": str(retry_after_s)}

    def check(self, tenant: str) -> None:
        """Refuse one more, if there are too many."""
        if self.of_tenants[tenant] >= self._tenant_most:
            told = f"the tenant has {self._tenant_most} {self._what} at this server"
        elif self.of_tenants.total() >= self._most:
            told = f"there are {self._most} {self._what} at this server"
        else:
            return
        raise ApiError(self._code, f"{told}, and no more may be", headers=self._headers)

    @contextmanager
    def one_of(self, tenant: str) -> Generator[None]:
        """While there is one; refuses it before."""
        self.check(tenant)
        self.of_tenants[tenant] += 1
        try:
            yield
        finally:
            self.of_tenants[tenant] -= 1
            if not self.of_tenants[tenant]:
                del self.of_tenants[tenant]


class Searches(AtOnce):
    """Those that look at much: a few of them are at work, the others wait for their turn."""

    def __init__(self, *, most: int, tenant_most: int) -> None:
        super().__init__(
            *(EdgeCode.TOO_MANY_SEARCHES, "searches under way"),
            most=most,
            tenant_most=tenant_most,
            retry_after_s=1,
        )
        self._at_work: anyio.CapacityLimiter | None = None

    async def do(self, tenant: str, search: Callable[..., T], *args: object) -> T:
        """What a search finds, in a thread."""
        with self.one_of(tenant):
            if self._at_work is None:  # made on the loop that it is used on
                self._at_work = anyio.CapacityLimiter(SEARCHES_AT_WORK)
            return await run_sync(partial(search, *args), limiter=self._at_work)


class Turns:
    """Those of one kind that are over soon, `most` at once; the others wait for their turn, and one
    that waits for longer than `wait_s` is refused. Used on the event loop.

    A tenant has one more as long as it has fewer than are free. So one alone has half of them, and
    however slow what it has is, others find some; where many keep at it, they come to have as many
    each, and as many are free.
    """

    def __init__(self, most: int, *, wait_s: float, refused: str) -> None:
        self.of_tenants: Counter[str] = Counter()
        self._most = most
        self._wait_s = wait_s
        self._refused = refused
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def one_of(self, tenant: str) -> AsyncGenerator[None]:
        """While there is one."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        self._give()
        try:
            try:
                async with asyncio.timeout(self._wait_s):
                    await turn
            except TimeoutError as error:
                raise ApiError(EdgeCode.OVERLOADED, self._refused) from error
            yield
        finally:
            self._end(tenant, turn)

    def _give(self) -> None:
        """Let in who may; of the tenant that has fewest first."""
        while self._waiting:
            tenant = min(self._waiting, key=lambda one: self.of_tenants[one])
            if self.of_tenants[tenant] >= self._most - self.of_tenants.total():
                return
            turn = self._waiting[tenant].popleft()
            if not self._waiting[tenant]:
                del self._waiting[tenant]
            if not turn.cancelled():
                turn.set_result(None)
                self.of_tenants[tenant] += 1

    def _end(self, tenant: str, turn: asyncio.Future[None]) -> None:
        """It is over, or has not begun: it may have got its turn and have gone all the same."""
        if not turn.cancelled():
            self.of_tenants[tenant] -= 1
            if not self.of_tenants[tenant]:
                del self.of_tenants[tenant]
        elif turn in self._waiting.get(tenant, ()):
            self._waiting[tenant].remove(turn)
            if not self._waiting[tenant]:
                del self._waiting[tenant]
        self._give()


class Bounds(NamedTuple):
    """Of each kind."""

    streams: AtOnce
    waits: AtOnce
    searches: Searches


def bounds_of(limits: Limits) -> Bounds:
    """The bounds of a gateway. Streams last long: one may soon end, but hardly within a second."""
    streams = AtOnce(
        *(EdgeCode.TOO_MANY_STREAMS, "streams open"),
        most=limits.streams_max,
        tenant_most=limits.tenant_streams_max,
        retry_after_s=10,
    )
    waits = AtOnce(
        *(EdgeCode.TOO_MANY_WAITS, "requests that wait"),
        most=limits.waits_max,
        tenant_most=limits.tenant_waits_max,
        retry_after_s=5,
    )
    most, tenant_most = limits.searches_max, limits.tenant_searches_max
    return Bounds(streams, waits, Searches(most=most, tenant_most=tenant_most))
