"""Rows whose reading is counted, and ends when enough were read: however a view goes over them, it
costs no more than it may. Where rows are large their bytes count instead: what it takes to read
them, and to keep them until it is known which are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

from penstock.core.state.rows import Row
from penstock.store.rowstore import RowView

ROW_BYTES: Final = 2_048

R = TypeVar("R", bound=Row)


class Enough(Exception):
    """As many rows were read as may be."""


class CountedReader:
    """A Reader that raises Enough where more than `most` rows are read; None: it only counts."""

    def __init__(self, base: RowView, most: int) -> None:
        self._base = base
        self._bytes_before = base.bytes_read
        self._rows = 0
        self.most: int | None = most

    @property
    def read(self) -> int:
        """How many were read, or how many of ROW_BYTES, if that is more."""
        return max(self._rows, (self._base.bytes_read - self._bytes_before) // ROW_BYTES)

    def get(self, kind: type[R], key: bytes) -> R | None:
        """The row with this key."""
        self._count()
        return self._base.get(kind, key)

    def scan(self, kind: type[R], start: bytes, end: bytes) -> Iterator[tuple[bytes, R]]:
        """Rows with start <= key < end, in order."""
        for found in self._base.scan(kind, start, end):
            self._count()
            yield found

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """Keys of rows of any kind with start <= key < end, in order."""
        for key in self._base.keys(start, end):
            self._count()
            yield key

    def _count(self) -> None:
        if self.most is not None and self.read >= self.most:
            raise Enough
        self._rows += 1
