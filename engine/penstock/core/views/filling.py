"""A page as it fills: it ends at so many items, or at so many bytes, whichever comes first. Items
may be large, so a number of them alone bounds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Raw

from penstock.core.views.seen import Json

PAGE_BYTES_MAX: Final = 4 * 1024 * 1024

_encode = msgspec.json.Encoder().encode


class Filling:
    """Items as JSON: each is encoded once, when it comes, and only copied into the answer. The one
    that fills the page is still in it, so that each page brings a list further.
    """

    def __init__(self, limit: int, bytes_max: int = PAGE_BYTES_MAX) -> None:
        self.items: list[Raw] = []
        self._limit = limit
        self._bytes_left = bytes_max

    @property
    def left(self) -> int:
        """How many more items it may have."""
        return 0 if self._bytes_left <= 0 else max(0, self._limit - len(self.items))

    def add(self, item: Any) -> None:
        """One more, which was looked up because there was room."""
        raw = item if isinstance(item, Raw) else Raw(_encode(item))
        self.items.append(raw)
        self._bytes_left -= len(raw)

    def rest(self) -> Filling:
        """A page of what this one has room for; `take` it when it is whole."""
        return Filling(self.left, self._bytes_left)

    def take(self, rest: Filling) -> None:
        """What such a page has got."""
        self.items += rest.items
        self._bytes_left = rest._bytes_left


def fitting(items: Iterable[Json]) -> tuple[list[Json], bool]:
    """The first of these, as many as a page has room for, and whether that is all. No more are
    made than are wanted.
    """
    found: list[Json] = []
    bytes_left = PAGE_BYTES_MAX
    for item in items:
        if bytes_left <= 0:
            return found, False
        found.append(item)
        bytes_left -= len(_encode(item))
    return found, True
