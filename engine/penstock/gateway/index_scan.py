"""Scans of an index that each partition has: page by page, over partitions that are open here.

A page looks at so many entries, and bytes, at most; one that is not full may have a cursor, too.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, Final, TypeVar

from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import Row
from penstock.core.views.filling import Filling
from penstock.gateway.cursors import cursor_bytes, cursor_text
from penstock.gateway.errors import bad_request
from penstock.gateway.reads import Reads, View

ENTRIES_PER_PAGE_MAX: Final = 10_000
READ_BYTES_PER_PAGE_MAX: Final = 16 * 1024 * 1024

E = TypeVar("E", bound=Row)


def scan_index(
    reads: Reads,
    kind: type[E],
    prefix: bytes,
    found: Callable[[View, E], Any],
    *,
    page: Filling,
    cursor: str | None,
    end: int,
) -> str | None:
    """Fill a page with what `found` makes of entries whose keys begin with `prefix`, by partition
    and before the partition `end`; the cursor of the next one.
    """
    number, after = place_of(cursor)
    left = ENTRIES_PER_PAGE_MAX
    while number < end:
        view = reads.view(number)
        start = prefix + after + b"\x00" if after else prefix
        for key, entry in islice(view.rows.range(kind, start, after_prefix(prefix)), left):
            item = found(view, entry)
            left -= 1
            if item is not None:
                page.add(item)
            if not page.left or left == 0 or has_read_much(view):
                return cursor_text(f"{number}:".encode() + key[len(prefix) :])
        number, after = number + 1, b""
    return None


def has_read_much(view: View) -> bool:
    """Whether a page that reads this partition for itself is to end, however little it has: rows
    that are looked at and not wanted may be large, too.
    """
    return view.view.bytes_read >= READ_BYTES_PER_PAGE_MAX


def place_of(cursor: str | None) -> tuple[int, bytes]:
    """The partition that a cursor stands in, and what its last key had behind the prefix."""
    if cursor is None:
        return 0, b""
    number, colon, after = cursor_bytes(cursor).partition(b":")
    if not colon or not number.isdigit() or len(number) > 6:
        raise bad_request("parameter `cursor` is not one that was given here")
    return int(number), after
