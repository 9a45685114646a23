"""Server-sent events that are followed over broken connections.

A stream that is `retold` from its beginning each time has what was given before, known by its text:
of equal events, as many are passed over as have been given. Any other goes on with what is new.

An `error` that the server ends a stream with is treated as a refused request: what time mends is
asked for again, after pauses that grow unless a connection lasts; anything else is raised.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Generic, TypeVar, final

import msgspec

from penstock.contracts.answers.streams import StreamEnded
from penstock.sdk import api
from penstock.sdk.errors import PenstockError, ServerError, Unavailable, error_of

T = TypeVar("T")

QUIET_S: Final = 30.0  # the server says something, if only that it lives, twice in this time
STEADY_S: Final = 5.0  # a connection that lasts so long is a good one
_EVENT: Final = "event:"
_DATA: Final = "data:"
GOOD: Final = 200


@final
class Tail(Generic[T]):
    """What has come of a stream so far. `begin` gives the call of a connection, `take` what a piece
    of it brings, `broken` how long to wait for the next connection, or the error that ends all.
    `events` are those that are given, by name, and what is made of the data of each.
    """

    def __init__(
        self,
        call: api.Call,
        events: Mapping[str, Callable[[str], T]],
        deadline_s: float,
        *,
        retold: bool,
    ) -> None:
        self.ended = False
        self._call = msgspec.structs.replace(call, wait_s=QUIET_S)
        self._events = events
        self._retold = retold
        self._deadline_s = deadline_s
        self._given: Counter[int] = Counter()
        self._passed: Counter[int] = Counter()
        self._name = ""
        self._part = ""
        self._retry = 0
        self._alive = self._began = time.monotonic()

    def begin(self) -> api.Call:
        """A new connection."""
        self._passed.clear()
        self._name = self._part = ""
        self._began = time.monotonic()
        return self._call

    def take(self, text: str) -> Iterator[T]:
        """What the next piece of text brings. A line of these ends where it says so, and not at
        other characters by which Python ends one, which may stand in the data.
        """
        *lines, self._part = (self._part + text).split("\n")
        for line in lines:
            yield from self._line(line.removesuffix("\r"))

    def _line(self, line: str) -> Iterator[T]:
        """What a line brings: nothing, or an event that was not there before; or the error that the
        server ends the stream with, raised.
        """
        if line.startswith(_DATA) and self._name == "error":
            raise _error(line.removeprefix(_DATA))
        if not line.startswith(_EVENT):
            self._is_alive()
        if line.startswith(_EVENT):
            self._name = line.removeprefix(_EVENT).strip()
        elif line.startswith(_DATA) and self._name in self._events:
            data = line.removeprefix(_DATA).strip()
            if not self._retold or self._is_new(hash(data)):
                yield self._given_as(self._events[self._name], data)
        elif line.startswith(_DATA) and self._name == "end":
            self.ended = True

    @staticmethod
    def _given_as(made: Callable[[str], T], data: str) -> T:
        try:
            return made(data)
        except msgspec.DecodeError as error:
            raise _unreadable("event", error) from error

    def _is_alive(self) -> None:
        self._alive = time.monotonic()
        if self._alive - self._began >= STEADY_S:
            self._retry = 0

    def _is_new(self, known: int) -> bool:
        self._passed[known] += 1
        if self._passed[known] <= self._given[known]:
            return False
        self._given[known] += 1
        return True

    def broken(self, error: PenstockError | None) -> float:
        """The connection has ended; without an error, by the server's will."""
        if self.ended:
            return 0.0
        pause_s = api.pause_s(self._retry, error)
        late = time.monotonic() + pause_s > self._alive + self._deadline_s
        if error is not None and (late or not api.may_retry(error)):
            raise error
        if late:
            raise Unavailable("STREAM_ENDED", "the server ends this stream again and again")
        self._retry += 1
        return pause_s


def _error(data: str) -> PenstockError:
    """What a stream was ended with."""
    try:
        ended = msgspec.json.decode(data, type=StreamEnded)
    except msgspec.DecodeError as error:
        raise _unreadable("error", error) from error
    return error_of(ended.status, ended.code, ended.message)


def _unreadable(what: str, error: Exception) -> ServerError:
    """It would come again so: nothing is mended by asking anew."""
    return ServerError("BAD_ANSWER", f"not the {what} of this version: {error}", GOOD)
