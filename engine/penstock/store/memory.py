"""The store in memory: for tests, and for folds that are thrown away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from penstock.store.key_blocks import KeyBlocks
from penstock.store.port import StoreCorrupt

ROWS_FILE: Final = "rows"


class MemoryView:
    """The bytes of a moment: a dict and its keys in order."""

    def __init__(self, values: dict[bytes, bytes], keys: KeyBlocks) -> None:
        self._values = values
        self._keys = keys

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        return self._values.get(key)

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys with start <= key < end, in order."""
        for key in self._keys.between(start, end):
            yield key, self._values[key]


class MemoryStore(MemoryView):
    """See store/port.py."""

    def __init__(self) -> None:
        super().__init__({}, KeyBlocks())
        self._lock = Lock()

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Put or delete all keys."""
        with self._lock:
            for key, value in changes.items():
                if value is None:
                    if self._values.pop(key, None) is not None:
                        self._keys.remove(key)
                    continue
                if key not in self._values:
                    self._keys.add(key)
                self._values[key] = value

    def view(self) -> MemoryView:
        """A copy: fit for the few rows of a test."""
        with self._lock:
            return MemoryView(dict(self._values), self._keys.copy())

    def checkpoint(self, directory: Path) -> None:
        """One file with all there is."""
        directory.mkdir()
        with self._lock:
            (directory / ROWS_FILE).write_bytes(msgspec.msgpack.encode(self._values))

    def sync(self) -> None:
        """Memory survives nothing."""

    def close(self) -> None:
        """Nothing to let go of."""


class MemoryStores:
    """Stores that live as long as this object."""

    def __init__(self) -> None:
        self.by_partition: dict[int, MemoryStore] = {}
        self.aside: list[MemoryStore] = []

    def exists(self, partition: int) -> bool:
        """Whether it was opened before."""
        return partition in self.by_partition

    def open_copy(self, directory: Path) -> MemoryStore:
        """A store with the file's rows."""
        store = MemoryStore()
        try:
            data = (directory / ROWS_FILE).read_bytes()
            values = msgspec.msgpack.decode(data, type=dict[bytes, bytes])
        except (OSError, msgspec.DecodeError) as error:
            raise StoreCorrupt(f"{directory} can not be opened: {error}") from error
        store.write(values)
        return store

    def adopt(self, partition: int, directory: Path) -> None:
        """Read the file, and delete the directory."""
        assert not self.exists(partition), "a store is never overwritten"
        self.by_partition[partition] = self.open_copy(directory)
        shutil.rmtree(directory)

    def open(self, partition: int) -> MemoryStore:
        """The store, new if it is not there."""
        return self.by_partition.setdefault(partition, MemoryStore())

    def set_aside(self, partition: int, why: str) -> None:
        """Put a store out of the way."""
        self.aside.append(self.by_partition.pop(partition))
