"""The store port: bytes by key, in key order, written in atomic batches. One partition has one
store.

Two kinds, memory.py and rocks.py, pass one contract suite, tests/contract/test_store.py. Keys at
and above META are the store's own (position, identity); everything below is rows, and is what a
digest covers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

META: Final = b"\xff"
POSITION_KEY: Final = META + b"position"
IDENTITY_KEY: Final = META + b"identity"
AFTER_ALL: Final = b"\xff" * 32
FORMAT: Final = 2
"""Rows that hold less than this build needs are of an older one: such a store is made anew."""


class StoreError(Exception):
    """The disk or the database failed; never taken for a defect of the fold."""


class StoreLocked(StoreError):
    """Another process has the store open."""


class StoreCorrupt(StoreError):
    """The store can not be read; it is renamed aside and restored. `partition` says whose it is, if
    it was open.
    """

    def __init__(self, message: str, partition: int | None = None) -> None:
        super().__init__(message)
        self.partition = partition


class Identity(Struct, frozen=True):
    """What a store belongs to (R13)."""

    topic_id: str
    partition: int
    partitions: int
    format: int = FORMAT


class StorePosition(Struct, frozen=True):
    """How far the rows have come: what to read next, and the last record folded, by its offset and
    hash (R13).
    """

    next_offset: int
    last_offset: int = -1
    last_hash: bytes = b""


class StoreView(Protocol):
    """The bytes as of one moment."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        ...

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys with start <= key < end, in order."""
        ...


class Store(StoreView, Protocol):
    """A partition's bytes. `write` is called by one thread; reads and views may come from any."""

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Put (or, with None, delete) all keys, or none of them."""
        ...

    def view(self) -> StoreView:
        """The bytes as they are now; later writes do not show in it."""
        ...

    def checkpoint(self, directory: Path) -> None:
        """Make a new directory with all that has been written, as files for `Stores.open_copy`.
        Called by the thread that writes; it is quick.
        """
        ...

    def sync(self) -> None:
        """What has been written survives a loss of power when this returns."""
        ...

    def close(self) -> None:
        """Let go of the store. May be called twice; views may not be used afterwards."""
        ...


class Stores(Protocol):
    """Where the stores of partitions are kept, one for each number."""

    def exists(self, partition: int) -> bool:
        """Whether there is a store."""
        ...

    def open_copy(self, directory: Path) -> Store:
        """Open the files of a checkpoint, to be read only. Raises StoreCorrupt."""
        ...

    def adopt(self, partition: int, directory: Path) -> None:
        """Make the files of a checkpoint the store of a partition that has none. The directory is
        gone then.
        """
        ...

    def open(self, partition: int) -> Store:
        """Open the store, or make it. Raises StoreLocked or StoreCorrupt."""
        ...

    def set_aside(self, partition: int, why: str) -> None:
        """Put a closed store that is not sound out of the way; it is never deleted."""
        ...
