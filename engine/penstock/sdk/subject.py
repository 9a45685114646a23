"""What is asked of a server, described once and asked in two ways.

A method of a Subject describes an exchange. `@asks` makes of it a method that blocks if the
Subject's connection does, and that is awaited if not; `@lists` does the same with what comes piece
by piece. Types say which it is, to people and to checkers.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from msgspec.structs import replace

from penstock.contracts.answers.common import Found
from penstock.sdk.api import Call, Exchange
from penstock.sdk.connection import Awaiting, Blocking, Connection, Feed
from penstock.sdk.errors import Incomplete
from penstock.sdk.tail import Tail

C = TypeVar("C", bound=Connection)
P = ParamSpec("P")
T = TypeVar("T")


class Subject(Generic[C]):
    """Something that can be asked about; `connection` is what carries it out."""

    def __init__(self, connection: C) -> None:
        self.connection = connection

    def _ask(self, kind: type[T], call: Call) -> Exchange[T]:
        """The answer to one call, as what it is."""
        reply = yield from self.connection.ask(call)
        return reply.as_a(kind)

    def _all(self, item: type[T], call: Call) -> Exchange[list[T]]:
        """All items of a list."""
        feed, items = self._pages(item, call), list[T]()
        while (page := (yield from feed())) is not None:
            items += page
        return items

    def _pages(self, item: type[T], call: Call) -> Feed[T]:
        """The items of a list, a page at a time. Incomplete, at its end, if something could not be
        asked.
        """
        # A generic takes any type at run time; a checker wants to know it beforehand.
        found: Any = Found
        kind: type[Found[T]] = found[item]
        following: str | None = None
        ended = False
        missing: set[int] = set()

        def read() -> Exchange[Sequence[T] | None]:
            nonlocal following, ended
            if ended:
                if missing:
                    raise Incomplete(sorted(missing))
                return None
            cursor = {} if following is None else {"cursor": following}
            page = yield from self._ask(kind, replace(call, params={**call.params, **cursor}))
            missing.update(page.missing)
            following, ended = page.cursor, page.cursor is None
            return page.items

        return read


class asks(Generic[P, T]):
    """A method that gives one answer."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Exchange[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, of: Subject[Blocking], kind: object = None) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, of: Subject[Awaiting], kind: object = None
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, of: None, kind: object = None) -> Callable[..., Any]: ...
    def __get__(self, of: Any, kind: object = None) -> Any:
        if of is None:
            return self._describe
        return _bound(self._describe, of, of.connection.do)


class lists(Generic[P, T]):
    """A method that gives an iterator."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Feed[T] | Tail[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, of: Subject[Blocking], kind: object = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(
        self, of: Subject[Awaiting], kind: object = None
    ) -> Callable[P, AsyncIterator[T]]: ...
    @overload
    def __get__(self, of: None, kind: object = None) -> Callable[..., Any]: ...
    def __get__(self, of: Any, kind: object = None) -> Any:
        if of is None:
            return self._describe
        return _bound(self._describe, of, of.connection.iterate)


def _bound(
    describe: Callable[..., Any], of: Subject[Any], carry_out: Callable[[Any], Any]
) -> Callable[..., Any]:
    bound = MethodType(describe, of)

    @functools.wraps(bound)
    def method(*args: Any, **kwargs: Any) -> Any:
        return carry_out(bound(*args, **kwargs))

    return method
