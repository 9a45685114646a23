"""How many streams a node sends, of each tenant and in all: each holds a connection for as long as
it likes.

Rules
- A stream is counted where it is sent from, whoever tells what is in it: one that is forwarded
  counts at both nodes, since the header that says so is one that anybody can send.
- It counts from before its first byte until it has ended, however it ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from penstock.gateway.errors import ApiError, EdgeCode

RETRY_AFTER_S: Final = 10
"""Streams last long: one may soon end, but hardly within a second."""


class OpenStreams:
    """Those that are open. Used on the event loop."""

    def __init__(self, *, most: int, tenant_most: int) -> None:
        self.of_tenants: Counter[str] = Counter()
        self._most = most
        self._tenant_most = tenant_most

    def check(self, tenant: str) -> None:
        """Refuse one more, if there are too many."""
        if self.of_tenants[tenant] >= self._tenant_most:
            told = f"the tenant has {self._tenant_most} streams open at this server"
        elif self.of_tenants.total() >= self._most:
            told = f"{self._most} streams are open at this server"
        else:
            return
        raise ApiError(
            EdgeCode.TOO_MANY_STREAMS,
            f"{told}, and may have no more: close some",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )

    @contextmanager
    def one_of(self, tenant: str) -> Generator[None]:
        """While one is open; refuses it before."""
        self.check(tenant)
        self.of_tenants[tenant] += 1
        try:
            yield
        finally:
            self.of_tenants[tenant] -= 1
            if not self.of_tenants[tenant]:
                del self.of_tenants[tenant]


class Stream(StreamingResponse):
    """An answer that goes on. `counted` is entered before its first byte, and may refuse it with an
    ApiError; `close` is called at its end, also if it has never begun.
    """

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        headers: Mapping[str, str],
        counted: AbstractContextManager[None],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(events, headers=headers)
        self._counted = counted
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            with self._counted:
                await super().__call__(scope, receive, send)
        finally:
            await self._close()
