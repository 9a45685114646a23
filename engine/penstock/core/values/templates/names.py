"""What a template may ask for by name, and what it is told of what is not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from penstock.core.values.value import Value


class Undefined:
    """What is not there. Only `??`, `default` and `is defined` may be given it."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what = what


class Lazy:
    """An object whose members are looked up one at a time, since all of them would be too many to
    read. `whole` reads them all the same, within bounds.
    """

    __slots__ = ("get", "whole")

    def __init__(self, get: Callable[[str], Found], whole: Callable[[], Value]) -> None:
        self.get: Final = get
        self.whole: Final = whole


Found = Value | Undefined | Lazy


class Names(Protocol):
    """The place where a template stands."""

    def root(self, name: str) -> Found:
        """What a name means here."""
        ...

    def now_ms(self) -> int:
        """The log's time."""
        ...

    def seed(self) -> tuple[str | int, ...]:
        """What ids and chance are derived from: no other place has the same."""
        ...
