"""Rows over a store: encoding, a cache of decoded rows, the position, and the digest.

Rows are msgpack arrays with sorted dict keys, so that equal rows are equal bytes. The cache is
bounded by the bytes of the rows in it; it belongs to the thread that folds, and knows of keys that
there is nothing at them. Queries read through `view`, which shares nothing with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec

from penstock.core.state.rows import Row
from penstock.store.port import (
    FORMAT,
    IDENTITY_KEY,
    META,
    POSITION_KEY,
    Identity,
    Store,
    StoreCorrupt,
    StorePosition,
    StoreView,
)
from penstock.store.turns import TurnNotes, TurnThere, begins_at, turns_of, whole_from

R = TypeVar("R", bound=Row)

CACHE_BYTES_MAX: Final = 32 * 1024 * 1024
CACHES_BYTES_MAX: Final = 256 * 1024 * 1024  # of all partitions that a process may come to own
CACHE_BYTES_MIN: Final = 2 * 1024 * 1024
ROW_OVERHEAD_BYTES: Final = 400
DIGEST_ROWS: Final = 1_000

_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decoders: Final[dict[type[Row], msgspec.msgpack.Decoder[Row]]] = {}


def cache_bytes_of(partitions: int) -> int:
    """How much of decoded rows a partition may keep, of so many."""
    return max(CACHE_BYTES_MIN, min(CACHE_BYTES_MAX, CACHES_BYTES_MAX // partitions))


def decode_row(kind: type[R], data: bytes) -> R:
    """A row from its bytes."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = cast(
            "msgspec.msgpack.Decoder[Row]", msgspec.msgpack.Decoder(kind)
        )
    try:
        return cast(R, decoder.decode(data))
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise StoreCorrupt(f"a {kind.__name__} row can not be read: {error}") from error


def encode_row(row: Row) -> bytes:
    """The bytes of a row."""
    return _encode(row)


class RowView:
    """Rows as of one moment, with the position they stand for. A `Reader` of core.rows. It counts
    the bytes of the rows that were read through it: their number alone says little of the work.
    """

    def __init__(self, view: StoreView) -> None:
        self._view = view
        self.bytes_read = 0

    def get(self, kind: type[R], key: bytes) -> R | None:
        """The row with this key."""
        data = self._view.get(key)
        if data is None:
            return None
        self.bytes_read += len(data)
        return decode_row(kind, data)

    def scan(self, kind: type[R], start: bytes, end: bytes) -> Iterator[tuple[bytes, R]]:
        """Rows with start <= key < end, in order."""
        for key, data in self._view.scan(start, end):
            self.bytes_read += len(data)
            yield key, decode_row(kind, data)

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """Keys of rows of any kind with start <= key < end, in order."""
        for key, _ in self._view.scan(start, end):
            yield key

    def first_key(self, start: bytes, end: bytes) -> bytes | None:
        """The first key with start <= key < end, whatever the kind of its row."""
        return next((key for key, _ in self._view.scan(start, end)), None)

    def turns_whole_from(self) -> int | None:
        """From which offset on all turns are noted (store/turns.py)."""
        return whole_from(self._view)

    def turns_of(self, region: bytes, begin: int = 0) -> Iterator[TurnThere]:
        """The turns that wrote to a region, in order; those from the offset `begin` on."""
        return turns_of(self._view, region, begin)

    def position(self) -> StorePosition:
        """How far these rows have come."""
        data = self._view.get(POSITION_KEY)
        return (
            StorePosition(0) if data is None else msgspec.msgpack.decode(data, type=StorePosition)
        )

    def digest(self, between: Callable[[], None] = lambda: None) -> str:
        """A hash over all rows, keys in order: equal for equal folds (I1). `between` is called
        every so many rows, and may raise to end it.
        """
        digest = blake2b(digest_size=20)
        for number, (key, value) in enumerate(self._view.scan(b"", META)):
            if number % DIGEST_ROWS == 0:
                between()
            digest.update(len(key).to_bytes(4, "big") + key)
            digest.update(len(value).to_bytes(4, "big") + value)
        return digest.hexdigest()


class RowStore(RowView):
    """The rows of one partition, read and written by the thread that folds it."""

    def __init__(self, store: Store, cache_bytes_max: int = CACHE_BYTES_MAX) -> None:
        super().__init__(store)
        self._store = store
        self._cache = _Cache(cache_bytes_max)
        self._notes_begun = False

    def get(self, kind: type[R], key: bytes) -> R | None:
        """The row with this key; it must not be changed by the caller."""
        cached: Any = self._cache.young.get(key) or self._cache.revived(key)
        if cached is not None:
            return cached.row
        data = self._store.get(key)
        row = None if data is None else decode_row(kind, data)
        self._cache.put(key, _Cached(row, len(data or b"")))
        return row

    def write(
        self,
        rows: Mapping[bytes, Row | None],
        position: StorePosition,
        beside: Mapping[bytes, bytes | None] | None = None,
    ) -> None:
        """Write the changes of a batch, how far they come, and what lies beside the rows: all or
        nothing.
        """
        changes: dict[bytes, bytes | None] = dict(beside or {})
        for key, row in rows.items():
            changes[key] = None if row is None else _encode(row)
        changes[POSITION_KEY] = _encode(position)
        self._store.write(changes)
        self._cache.put_all(rows, changes)

    def write_notes(
        self, rows: Mapping[bytes, Row | None], position: StorePosition, notes: TurnNotes
    ) -> None:
        """Write a batch with the notes on its turns."""
        beside = notes.changes(self._store)
        if not self._notes_begun:
            if whole_from(self._store) is None:
                beside |= begins_at(self.position().next_offset)
            self._notes_begun = True
        self.write(rows, position, beside)

    def identify(self, identity: Identity) -> Identity | None:
        """Write the identity into a new store; returns the one that is there if it is another."""
        data = self._store.get(IDENTITY_KEY)
        if data is None:
            self._store.write({IDENTITY_KEY: _encode(identity)})
            return None
        known = msgspec.msgpack.decode(data, type=Identity)
        if known.format > FORMAT:
            raise StoreCorrupt(f"the store has format {known.format}, this build knows {FORMAT}")
        return None if known == identity else known

    def identity(self) -> Identity | None:
        """What the store says that it belongs to."""
        data = self._store.get(IDENTITY_KEY)
        return None if data is None else msgspec.msgpack.decode(data, type=Identity)

    def checkpoint(self, directory: Path) -> None:
        """See Store.checkpoint."""
        self._store.checkpoint(directory)

    def view(self) -> RowView:
        """Rows as they are now, for queries on any thread."""
        return RowView(self._store.view())

    def sync(self) -> None:
        """See Store.sync."""
        self._store.sync()

    def close(self) -> None:
        """See Store.close."""
        self._store.close()


class _Cached(msgspec.Struct, frozen=True, gc=False):
    """A row, or that there is none, and the size of its bytes. There are so many that the garbage
    collector would be kept busy by tuples.
    """

    row: Row | None
    size: int


class _Cache:
    """Two generations: what is used lives on, what is not goes when its generation does. Of a key
    that both know, the young one has the row.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.young: dict[bytes, _Cached] = {}
        self._old: dict[bytes, _Cached] = {}
        self._young_bytes = 0

    def revived(self, key: bytes) -> _Cached | None:
        """What the old generation knows of a key; from now on it is among the young."""
        cached = self._old.get(key)
        if cached is not None:
            self.put(key, cached)
        return cached

    def put(self, key: bytes, cached: _Cached) -> None:
        self.young[key] = cached
        self._grown(cached.size + len(key) + ROW_OVERHEAD_BYTES)

    def put_all(
        self, rows: Mapping[bytes, Row | None], encoded: Mapping[bytes, bytes | None]
    ) -> None:
        """What a batch has written; of what it has deleted nothing is known any more."""
        young, size = self.young, 0
        for key, row in rows.items():
            data = encoded[key]
            if row is None or data is None:
                young.pop(key, None)
                self._old.pop(key, None)
            else:
                young[key] = _Cached(row, len(data))
                size += len(data) + len(key) + ROW_OVERHEAD_BYTES
        self._grown(size)

    def _grown(self, size: int) -> None:
        self._young_bytes += size
        if self._young_bytes > self._bytes_max // 2:
            self._old, self.young, self._young_bytes = self.young, {}, 0
