"""Scans of an index that each partition has: page by page, over partitions that are open here.

A page looks at so many entries at most; one that is not full may have a cursor, too.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final, TypeVar

from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import Row
from penstock.gateway.errors import bad_request
from penstock.gateway.reads import Reads, View
from penstock.gateway.web import cursor_bytes, cursor_text

ENTRIES_PER_PAGE_MAX: Final = 10_000

E = TypeVar("E", bound=Row)
T = TypeVar("T")


def scan_index(
    reads: Reads,
    kind: type[E],
    prefix: bytes,
    found: Callable[[View, E], T | None],
    *,
    limit: int,
    cursor: str | None,
    end: int,
) -> tuple[list[T], str | None]:
    """A page of what `found` makes of entries whose keys begin with `prefix`, by partition and
    before the partition `end`, and the cursor of the next one.
    """
    number, after = place_of(cursor)
    rows: list[T] = []
    left = ENTRIES_PER_PAGE_MAX
    while number < end:
        view = reads.view(number)
        start = prefix + after + b"\x00" if after else prefix
        for key, entry in islice(view.rows.range(kind, start, after_prefix(prefix)), left):
            row = found(view, entry)
            left -= 1
            if row is not None:
                rows.append(row)
            if len(rows) == limit or left == 0:
                return rows, cursor_text(f"{number}:".encode() + key[len(prefix) :])
        number, after = number + 1, b""
    return rows, None


def place_of(cursor: str | None) -> tuple[int, bytes]:
    """The partition that a cursor stands in, and what its last key had behind the prefix."""
    if cursor is None:
        return 0, b""
    number, colon, after = cursor_bytes(cursor).partition(b":")
    if not colon or not number.isdigit() or len(number) > 6:
        raise bad_request("parameter `cursor` is not one that was given here")
    return int(number), after
