"""Keys in order, a few of which are added between two looks."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final

KEYS_PER_SLICE: Final = 64
FEW: Final = 64


def slices(keys: list[bytes], start: bytes, end: bytes) -> Iterator[bytes]:
    """The sorted keys from start up to, not including, end. They are taken in small slices, since
    most readers want the first few of very many, and may change the list meanwhile.
    """
    while chunk := keys[(at := bisect_left(keys, start)) : at + KEYS_PER_SLICE]:
        for key in chunk:
            if key >= end:
                return
            yield key
        start = chunk[-1] + b"\x00"


class KeyOrder:
    """Keys, each once, sorted when somebody looks: many that are new are sorted together, a few are
    put where they belong.
    """

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._sorted: list[bytes] = []
        self._new: list[bytes] = []

    def add(self, key: bytes) -> None:
        """A key, which may be there already."""
        if key not in self._known:
            self._known.add(key)
            self._new.append(key)

    def between(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """The keys from start up to, not including, end."""
        if len(self._new) > FEW:
            self._sorted += self._new
            self._sorted.sort()
        else:
            for key in self._new:
                insort(self._sorted, key)
        self._new.clear()
        return slices(self._sorted, start, end)
