"""Rows, and the view of them that a turn reads and writes.

A row is a flat msgspec Struct that knows its key. Collections inside a row are tuples or are never
changed in place: `Rows.get` hands out a shallow copy, so that what a handler does to it is nothing
until `put`.

`Rows` lays the changes of a batch over a base (the store). It keeps a journal, so that a refused
command, a failed timer or a whole turn can be undone; the fold can not see where one batch ends and
the next begins (I1).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from functools import lru_cache
from heapq import merge
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar, cast, get_type_hints

from msgspec import Struct

from penstock.core.state.key_order import KeyOrder, slices
from penstock.core.state.keys import (
    PARTITION_PREFIX,
    Part,
    Scope,
    after_prefix,
    child_runs_prefix,
    definition_prefix,
    encode_parts,
    key_function,
    run_prefix,
)

R = TypeVar("R", bound="Row")


S = TypeVar("S", bound=Struct)


if TYPE_CHECKING:

    def copy_of(struct: S) -> S:
        """A shallow copy."""
        ...

else:
    copy_of = Struct.__copy__  # in C; its stubs do not tell of it


class Row(Struct, array_like=True, gc=False):
    """Base of all rows. Fields are only ever appended, with a default: old bytes must keep decoding
    (R9). A row is data and refers to nothing that refers to it, so the garbage collector need not
    look at it, nor at the structs that it is made of.
    """

    KIND: ClassVar[bytes]
    SCOPE: ClassVar[Scope]
    KEY: ClassVar[tuple[str, ...]]
    SCANNED: ClassVar[bool] = False  # whether the fold reads ranges of it

    @classmethod
    def key(cls, *parts: Part) -> bytes:
        """The key with these parts, or the prefix of all keys that begin with them."""
        if cls.SCOPE is Scope.RUN:
            prefix = run_prefix(cast(str, parts[0]), cast(str, parts[1]))
            return prefix + cls.KIND + encode_parts(parts[2:])
        if cls.SCOPE is Scope.DEFINITION:
            return definition_prefix(cast(str, parts[0])) + cls.KIND + encode_parts(parts[1:])
        return PARTITION_PREFIX + cls.KIND + encode_parts(parts)

    def own_key(self) -> bytes:
        """The key of this row."""
        kind = type(self)
        try:
            return _KEYS[kind](*_PARTS[kind](self))
        except LongKey as long:
            return long.key


KEYS_KEPT: Final = 2_048  # of each kind of row
KEPT_BYTES_MAX: Final = 512


class LongKey(Exception):
    """A key that is not kept: names that are only looked up may be as long as a command. What is
    raised is not remembered, and costs nothing where it is not.
    """

    def __init__(self, key: bytes) -> None:
        super().__init__(key)
        self.key = key


def _short_key(make: Callable[..., bytes]) -> Callable[..., bytes]:
    def made(*parts: Part) -> bytes:
        key = make(*parts)
        if len(key) > KEPT_BYTES_MAX:
            raise LongKey(key)
        return key

    return made


class _Keys(dict[type[Row], Callable[..., bytes]]):
    """What makes the keys of a kind of row of all their parts; made with the first key. A command
    asks for most of its keys several times, so the newest are kept.
    """

    def __missing__(self, kind: type[Row]) -> Callable[..., bytes]:
        types = get_type_hints(kind)
        numbers = [issubclass(types[name], int) for name in kind.KEY]
        make = _short_key(key_function(kind.SCOPE, kind.KIND, numbers))
        made = self[kind] = lru_cache(KEYS_KEPT)(make)
        return made


class _Parts(dict[type[Row], Callable[[Row], tuple[Part, ...]]]):
    """What reads the parts of its key in a row, by its kind."""

    def __missing__(self, kind: type[Row]) -> Callable[[Row], tuple[Part, ...]]:
        made = self[kind] = _parts_reader(kind.KEY)
        return made


def _parts_reader(names: tuple[str, ...]) -> Callable[[Row], tuple[Part, ...]]:
    if len(names) > 1:
        return attrgetter(*names)  # it makes a tuple of several
    if not names:
        return lambda row: ()
    only = attrgetter(*names)
    return lambda row: (only(row),)


_KEYS: Final = _Keys()
_PARTS: Final = _Parts()


class Reader(Protocol):
    """Rows by key and by range, as the store or a snapshot of it has them."""

    def get(self, kind: type[R], key: bytes) -> R | None:
        """The row with this key; it must not be changed by the caller."""
        ...

    def scan(self, kind: type[R], start: bytes, end: bytes) -> Iterator[tuple[bytes, R]]:
        """Rows with start <= key < end, in order."""
        ...

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """Keys of rows of any kind with start <= key < end, in order."""
        ...


class NoRows:
    """A reader of an empty store."""

    def get(self, kind: type[R], key: bytes) -> R | None:
        """Nothing is there."""
        return None

    def scan(self, kind: type[R], start: bytes, end: bytes) -> Iterator[tuple[bytes, R]]:
        """Nothing is there."""
        return iter(())

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """Nothing is there."""
        return iter(())


FLOORS_MAX: Final = 64
Savepoint = int
_ABSENT: Any = object()


class Rows:
    """Changes over a base, with a journal."""

    def __init__(self, base: Reader) -> None:
        self._base = base
        self._changed: dict[bytes, Row | None] = {}
        self._sorted: dict[type[Row], list[bytes]] = {}
        self._floors: dict[type[Row], dict[bytes, bytes]] = {}
        self._journal: list[tuple[bytes, Row | None, type[Row]]] = []
        self._keys_of_runs: KeyOrder | None = None

    def get(self, kind: type[R], *parts: Part) -> R | None:
        """A copy of the row, for the caller to change and put back."""
        try:
            key = _KEYS[kind](*parts)
        except LongKey as long:
            key = long.key
        row: Any = self._changed.get(key, _ABSENT)
        if row is _ABSENT:
            row = self._base.get(kind, key)
        return None if row is None else copy_of(row)

    def peek(self, kind: type[R], *parts: Part) -> R | None:
        """The row itself, which the caller must not change."""
        try:
            key = _KEYS[kind](*parts)
        except LongKey as long:
            key = long.key
        row: Any = self._changed.get(key, _ABSENT)
        return self._base.get(kind, key) if row is _ABSENT else row

    def by_key(self, kind: type[R], key: bytes) -> R | None:
        """See `peek`."""
        row: Any = self._changed.get(key, _ABSENT)
        return self._base.get(kind, key) if row is _ABSENT else row

    def put(self, row: Row) -> None:
        """Write a row; the caller must not change it afterwards."""
        kind = type(row)
        try:
            key = _KEYS[kind](*_PARTS[kind](row))
        except LongKey as long:
            key = long.key
        before = self._changed.get(key, _ABSENT)
        self._journal.append((key, before, kind))
        self._changed[key] = row
        if self._keys_of_runs is not None and kind.SCOPE is Scope.RUN:
            self._keys_of_runs.add(key)
        if kind.SCANNED:
            self._keep_order(kind, key, before)
            self._lower_floors(kind, key)

    def delete(self, row: Row) -> None:
        """Delete the row with this row's key."""
        self.delete_key(type(row), row.own_key())

    def scan(self, kind: type[R], *parts: Part) -> Iterator[R]:
        """Rows whose key begins with these parts, in order. Rows written while it runs may be
        missed.
        """
        prefix = kind.key(*parts)
        for _, row in self.range(kind, prefix, after_prefix(prefix)):
            yield row

    def range(
        self, kind: type[R], start: bytes, end: bytes, at_least: bytes = b""
    ) -> Iterator[tuple[bytes, R]]:
        """Rows with start <= key < end, in order: the changes merged into the base.

        A queue is read from its head again and again while its rows are deleted; so it is kept for
        each start up to where all is known to be gone, and not looked at twice. Who knows by other
        means that nothing lies below a key says it by `at_least`.
        """
        floors = self._floors.setdefault(kind, {})
        if len(floors) > FLOORS_MAX:
            floors.clear()
        nothing_yet = True
        for key, row in self._merged(kind, max(at_least, floors.get(start, start)), end):
            if nothing_yet:
                floors[start] = key
                nothing_yet = False
            yield key, row
        if nothing_yet:
            floors[start] = end

    def keys_of_run(self, tenant: str, wf_run_id: str, after: bytes) -> Iterator[bytes]:
        """Keys above `after` of all rows of a run, then of those of its child runs, in order. Rows
        at or below the key that is at hand may be deleted meanwhile.
        """
        prefixes = (run_prefix(tenant, wf_run_id), child_runs_prefix(tenant, wf_run_id))
        return chain.from_iterable(
            self.keys_of_runs(max(prefix, after + b"\x00"), after_prefix(prefix))
            for prefix in prefixes
        )

    def keys_of_runs(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """Keys of rows of runs, whatever their kinds, with start <= key < end, in order."""
        if self._keys_of_runs is None:
            self._keys_of_runs = KeyOrder()
            for key in self._changed:  # also what was deleted: that may be undone
                self._keys_of_runs.add(key)
        changed = self._changed
        noted = self._keys_of_runs.between(start, end)
        ours = (key for key in noted if changed.get(key) is not None)
        theirs = (key for key in self._base.keys(start, end) if key not in changed)
        return merge(ours, theirs)

    def delete_key(self, kind: type[Row], key: bytes) -> None:
        """Delete the row with this key, unread."""
        before = self._changed.get(key, _ABSENT)
        self._journal.append((key, before, kind))
        self._changed[key] = None
        if kind.SCANNED:
            self._keep_order(kind, key, before)

    def _merged(self, kind: type[R], start: bytes, end: bytes) -> Iterator[tuple[bytes, R]]:
        changed = slices(self._sorted.get(kind, []), start, end)
        ours = next(changed, None)
        for key, row in self._base.scan(kind, start, end):
            while ours is not None and ours < key:
                yield from self._if_there(kind, ours)
                ours = next(changed, None)
            if ours == key:
                yield from self._if_there(kind, key)
                ours = next(changed, None)
            else:
                yield key, row
        while ours is not None:
            yield from self._if_there(kind, ours)
            ours = next(changed, None)

    def written(self, start: int, end: int | None = None) -> list[tuple[bytes, type[Row]]]:
        """What the turn has written since a savepoint, or between two; undone changes are not
        there, and a key may come more than once.
        """
        return [(key, kind) for key, _, kind in self._journal[start:end]]

    def is_gone(self, key: bytes) -> bool:
        """Whether the row with this key was deleted in this batch."""
        return self._changed.get(key, _ABSENT) is None

    def begin_turn(self) -> None:
        """Forget how to undo earlier turns."""
        self._journal.clear()

    def savepoint(self) -> Savepoint:
        """A point to roll back to."""
        return len(self._journal)

    def rollback(self, savepoint: Savepoint) -> None:
        """Undo every change since the savepoint."""
        journal = self._journal
        while len(journal) > savepoint:
            key, before, kind = journal.pop()
            if kind.SCANNED:
                self._lower_floors(kind, key)
            if before is _ABSENT:
                del self._changed[key]
                if kind.SCANNED:
                    keys = self._sorted[kind]
                    del keys[bisect_left(keys, key)]
            else:
                self._changed[key] = before

    def changes(self) -> dict[bytes, Row | None]:
        """All that a batch changed: key -> row, or None where it was deleted."""
        return self._changed

    def _keep_order(self, kind: type[Row], key: bytes, before: Row | None) -> None:
        """A key of a kind of which ranges are read was written, or its row deleted."""
        if before is _ABSENT:
            insort(self._sorted.setdefault(kind, []), key)

    def _lower_floors(self, kind: type[Row], key: bytes) -> None:
        """A row is there, or may be there again."""
        floors = self._floors.get(kind, {})
        for start, floor in floors.items():
            if start <= key < floor:
                floors[start] = key

    def _if_there(self, kind: type[R], key: bytes) -> Iterator[tuple[bytes, R]]:
        row = self._changed[key]
        if row is not None:
            yield key, cast(R, row)
