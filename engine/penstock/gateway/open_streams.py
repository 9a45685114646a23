"""A stream as an answer: it counts (at_once.py) from before its first byte until it has ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


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
