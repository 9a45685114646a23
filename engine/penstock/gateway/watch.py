"""Waiting, on the event loop, for what the fold's thread writes: a partition that moves on, or one
row that changes.

Rule: a waiter is registered before the state is looked at. Either the look sees a write, or the
write sees the waiter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TypeVar

from penstock.core.state.rows import Row

T = TypeVar("T")

Waited = int | bytes
"""A partition, or the key of a row."""


class Watch:
    """Futures of the event loop, done by the fold's thread. `written` never raises and never
    blocks.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[Waited, set[asyncio.Future[None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False

    def open(self) -> None:
        """To be called on the event loop that will wait."""
        self._loop = asyncio.get_running_loop()

    @property
    def closing(self) -> bool:
        """Whether nobody shall wait any more."""
        return self._closing

    def close(self) -> None:
        """Let everybody who waits go, now and later; from any thread."""
        with self._lock:
            self._closing = True
        self.departed(0)

    def written(self, partition: int, changes: Mapping[bytes, Row | None]) -> None:
        """A partition has written these rows. Called by the fold's thread after each batch."""
        if not self._waiting:
            return
        woken: list[asyncio.Future[None]] = []
        with self._lock:
            waiting = self._waiting
            if len(waiting) <= len(changes):
                found = [key for key in waiting if key == partition or key in changes]
            else:
                found = [key for key in (partition, *changes) if key in waiting]
            for key in found:
                woken += waiting.pop(key)
        self._wake(woken)

    def departed(self, _: int) -> None:
        """A partition is open here no more: have all look again. Called by the fold's thread."""
        with self._lock:
            woken = [future for futures in self._waiting.values() for future in futures]
            self._waiting.clear()
        self._wake(woken)

    async def until(self, what: Waited, look: Callable[[], T | None], timeout_s: float) -> T | None:
        """What `look` finds, as soon as it finds something; None at the deadline, or when all is
        closed.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            future = self._register(what, loop)
            try:
                found = look()
                remaining_s = deadline - loop.time()
                if found is not None or remaining_s <= 0 or self._closing:
                    return found
                await asyncio.wait([future], timeout=remaining_s)
            finally:
                self._forget(what, future)

    def _register(self, what: Waited, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._waiting.setdefault(what, set()).add(future)
        return future

    def _forget(self, what: Waited, future: asyncio.Future[None]) -> None:
        with self._lock:
            futures = self._waiting.get(what)
            if futures is not None:
                futures.discard(future)
                if not futures:
                    del self._waiting[what]

    def _wake(self, futures: list[asyncio.Future[None]]) -> None:
        if not futures or self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(_finish, futures)


def _finish(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
