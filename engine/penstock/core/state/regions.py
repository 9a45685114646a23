"""Regions: rows that are written together, so that a part of a log can be folded without the rest.

A region is a family of runs with its timers, a definition under its name, or what runs share: a
limit, a breaker, the events under a key, a schedule, a bulk job, a pace. What stands in none says
nothing about a run: clocks and channels of the partition, remembered answers, rows of a search,
counts. But where a tenant has a quota of live runs their count decides, and no part can be folded
alone.

Rule: whatever a turn reads or writes of a region, all turns that wrote to this region before have
to be folded before it. `processor/past.py` holds itself to that.
"""

from __future__ import annotations

from typing import Final

from penstock.core.state.keys import PARTITION_PREFIX, Scope
from penstock.core.state.rows import Row

_TIMER_AT: Final = 18  # prefix, kind, clock and due time stand before a timer's tenant
_NOWHERE: Final = frozenset({b"P", b"O", b"I", b"A", b"X", b"U", b"Y", b"l", b"W", b"z"})
_SHARED: Final[dict[bytes, tuple[bytes, int]]] = {
    **dict.fromkeys((b"C", b"G", b"Q"), (b"limit", 2)),
    **dict.fromkeys((b"R", b"r"), (b"breaker", 2)),
    **dict.fromkeys((b"E", b"M"), (b"event", 3)),
    **dict.fromkeys((b"S", b"s", b"K"), (b"schedule", 2)),
    **dict.fromkeys((b"J", b"j", b"B", b"b", b"m"), (b"bulk", 2)),
    b"H": (b"held", 2),
    b"L": (b"bulks", 1),
    b"p": (b"pace", 2),
}
"""Kinds of the partition's rows: the name of their region, and how many parts of the key say which
one it is.
"""


class Unbounded(Exception):
    """A range of keys that lies in no single region."""


def family_region(tenant: str, root: str) -> bytes:
    """The region of a run and of all runs below it."""
    return f"run\x00{tenant}\x00{root}\x00".encode()


def region_of(kind: type[Row], key: bytes) -> bytes | None:
    """The region in which a row with this key lies; None if it is in none. Raises Unbounded for the
    beginning of a key that does not say.
    """
    return _place(kind, key)[0]


def region_of_range(kind: type[Row], start: bytes, end: bytes) -> bytes | None:
    """The region in which all keys with start <= key < end lie, or Unbounded. Timers are looked at
    one by one, in their order: those of regions that are not folded are not there.
    """
    if start >= end or (kind.SCOPE is Scope.PARTITION and kind.KIND == b"T"):
        return None
    region, length = _place(kind, start)
    if region is not None and end[:length] != start[:length]:
        head = start[:length]
        if end != head[:-1] + bytes((head[-1] + 1,)):
            raise Unbounded
    return region


def region_of_keys(start: bytes, end: bytes) -> bytes | None:
    """The same for rows of runs of any kind."""
    return region_of_range(_OfARun, start, end)


class _OfARun(Row):
    """Stands for any row of a run."""

    KIND, SCOPE, KEY = b"", Scope.RUN, ()


def _place(kind: type[Row], key: bytes) -> tuple[bytes | None, int]:
    """The region, and how much of the key says so."""
    scope = kind.SCOPE
    if scope is Scope.RUN:
        return _of_run(key)
    if scope is Scope.DEFINITION:
        length = _after_parts(key, key.index(b"\x00") + 3, 1)
        return b"definition\x00" + key[:length], length
    if kind.KIND in _NOWHERE:
        return None, 0
    if kind.KIND == b"T":
        return _of_timer(key), len(key)
    if kind.KIND in (b"D", b"d"):  # a run that is being deleted, or was
        length = _after_parts(key, 2, 2)
        tenant, run, _ = key[2:length].split(b"\x00")
        return _family(tenant, run), length
    name, parts = _SHARED[kind.KIND]
    length = _after_parts(key, 2, parts)
    return name + b"\x00" + key[2:length], length


def _of_run(key: bytes) -> tuple[bytes, int]:
    tenant_end = key.find(b"\x00")
    id_end = key.find(b"\x00", tenant_end + 1)
    dot = key.find(b".", tenant_end + 2, len(key) if id_end < 0 else id_end)
    end = id_end if dot < 0 else dot
    if tenant_end < 0 or end < 0:
        raise Unbounded
    return b"run\x00" + key[: tenant_end + 1] + key[tenant_end + 2 : end] + b"\x00", end + 1


def _of_timer(key: bytes) -> bytes:
    """That of its run; one of no run is a region of its own."""
    tenant, run, rest = key[_TIMER_AT:].split(b"\x00", 2)
    if run:
        return _family(tenant, run)
    return b"timer\x00" + tenant + b"\x00" + rest


def _family(tenant: bytes, run: bytes) -> bytes:
    return b"run\x00" + tenant + b"\x00" + run.partition(b".")[0] + b"\x00"


def _after_parts(key: bytes, start: int, parts: int) -> int:
    """Where the so many text parts end."""
    for _ in range(parts):
        end = key.find(b"\x00", start)
        if end < 0:
            raise Unbounded
        start = end + 1
    return start


assert len(PARTITION_PREFIX) == 1, "a timer's tenant would stand elsewhere"
