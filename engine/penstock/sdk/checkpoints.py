"""What an attempt puts aside for the one that follows if it fails: the worker's side of
core/tasks/checkpoints.py.

Rules: one at a time, so that they come in order; it is kept once the engine, or the log, has it,
and the next one takes its number if it was not; the report of an attempt comes behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import Future
from threading import Lock
from typing import Any

import msgspec

from penstock.core.errors import Code
from penstock.core.limits import CHECKPOINTS_BYTES_MAX, CHECKPOINTS_MAX
from penstock.core.tasks.checkpoints import size_of
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value
from penstock.sdk import hints
from penstock.sdk.errors import PenstockError

Keep = Callable[[int, Value, "Future[None]"], None]
"""Put a value aside under a number; the future is told when that is done, or why it is not."""


class Saved:
    """A checkpoint that is on its way, or kept. An async function awaits it."""

    __slots__ = ("_kept",)

    def __init__(self, kept: Future[None]) -> None:
        self._kept = kept

    def __await__(self) -> Generator[Any, None, None]:
        return asyncio.wrap_future(self._kept).__await__()


class Checkpoints:
    """Those of one task run, as one attempt of it sees them: how many there are, what they have
    `used`, and the newest. What is beyond the bounds is refused here: over Kafka nobody hears that
    the engine does.
    """

    __slots__ = ("_bytes", "_count", "_keep", "_lock", "_newest", "_pending", "_size")

    def __init__(
        self,
        keep: Keep,
        count: int = 0,
        newest: Value = None,
        *,
        used: int = 0,
        size: Callable[[Value], int] = size_of,
    ) -> None:
        self._keep = keep
        self._count = count
        self._newest = newest
        self._bytes = used
        self._size = size
        self._pending: tuple[Future[None], Value] | None = None
        self._lock = Lock()

    def put(self, value: object) -> Saved:
        """Put a value aside; a thread without an event loop waits until it is kept."""
        try:
            plain = msgspec.to_builtins(hints.to_json(value, None))
        except ValueProblem as problem:
            raise ValueError(f"a checkpoint: {problem}") from None
        with self._lock:
            number = self._next(self._size(plain))
            kept: Future[None] = Future()
            kept.set_running_or_notify_cancel()  # who awaits it may be cancelled, it may not
            self._pending = kept, plain
        self._keep(number, plain, kept)
        if kept.done() or not _has_loop():
            kept.result()
        return Saved(kept)

    @property
    def newest(self) -> Value:
        """The newest that is kept; None if none is."""
        with self._lock:
            self._settle()
            return self._newest

    @property
    def under_way(self) -> Future[None] | None:
        """The one that is not kept yet."""
        pending = self._pending
        return None if pending is None or pending[0].done() else pending[0]

    def _next(self, size: int) -> int:
        """The number of the next one, if there may be one."""
        self._settle()
        if self._pending is not None:
            raise RuntimeError("a checkpoint is still on its way: await it before the next one")
        if self._count >= CHECKPOINTS_MAX or self._bytes + size > CHECKPOINTS_BYTES_MAX:
            message = f"a task may have {CHECKPOINTS_MAX} checkpoints, and {CHECKPOINTS_BYTES_MAX}"
            raise PenstockError(Code.LIMIT, f"{message} bytes of them")
        return self._count

    def _settle(self) -> None:
        """See what has become of the last one."""
        if self._pending is None or not self._pending[0].done():
            return
        (kept, plain), self._pending = self._pending, None
        if kept.exception() is None:
            self._count += 1
            self._bytes += self._size(plain)
            self._newest = plain


def keep_here(number: int, value: Value, kept: Future[None]) -> None:
    """For a function that is called without an engine."""
    kept.set_result(None)


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
