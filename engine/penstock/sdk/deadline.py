"""How long somebody waits for what is asked of a server, whatever becomes of it meanwhile."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TypeVar

from msgspec.structs import replace

from penstock.sdk import api
from penstock.sdk.api import Exchange
from penstock.sdk.errors import PenstockError, ResultTimeout

T = TypeVar("T")


class Deadline:
    """When nobody waits any longer for what is `awaited` of something; without a time, never."""

    def __init__(
        self, timeout_s: float | None, id: str, *, what: str = "run", awaited: str = "ended"
    ) -> None:
        self._timeout_s = 0.0 if timeout_s is None else timeout_s
        self._until = None if timeout_s is None else time.monotonic() + timeout_s
        self._told = id, what, awaited

    def left_s(self, most: float) -> float:
        """What is left of the time; no more than `most`."""
        return most if self._until is None else max(0.0, min(most, self._until - time.monotonic()))

    def check(self) -> None:
        """Raise ResultTimeout if the time is over."""
        if self._is_over():
            raise self._late()

    def keep(self, exchange: Exchange[T]) -> Exchange[T]:
        """The same exchange; what it would ask again, once the time is over, is ResultTimeout."""
        if self._until is None:
            return (yield from exchange)
        with closing(exchange):
            try:
                call = next(exchange)
                while True:
                    try:
                        reply = yield replace(call, until=self._until)
                    except PenstockError as error:
                        if api.may_retry(error, call) and self._is_over():
                            raise self._late() from error
                        call = exchange.throw(error)
                        if self._is_over(call.after_s):
                            raise self._late() from error
                    else:
                        call = exchange.send(reply)
            except StopIteration as ended:
                return ended.value

    def _is_over(self, after_s: float = 0.0) -> bool:
        """Whether it will be then."""
        return self._until is not None and time.monotonic() + after_s >= self._until

    def _late(self) -> ResultTimeout:
        return ResultTimeout(self._told[0], self._timeout_s, *self._told[1:])
