"""The store in RocksDB, through rocksdict: one database a partition, one WriteBatch a batch.

The WAL is not synced with each batch: the log is the authority, and a store that loses its last
batches folds them again. Iterators and snapshots are dropped before the database is closed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import Any

from rocksdict import (
    AccessType,
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    Checkpoint,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

from penstock.rocks import ROCKS_ERRORS, defuse_logs
from penstock.store.port import StoreCorrupt, StoreError, StoreLocked

SCAN_CHUNK_MAX = 256
NOT_THERE = os.strerror(errno.ENOENT)
KIB, MIB = 1024, 1024 * 1024
BLOCKS_BYTES = 64 * MIB  # of all stores of a process
WRITTEN_BYTES_MAX = 32 * MIB  # of a store, before it goes to a file; twice while it goes there
ALL_WRITTEN_BYTES = 64 * MIB  # of all stores of a process
WRITTEN_BYTES_MIN = 4 * MIB  # of each: less, and files would be small and many


def written_bytes_of(partitions: int) -> int:
    """How much a store keeps before it goes to a file, of so many. RocksDB has a bound for all of a
    process, too; but with it whoever writes has to go to files for those that only keep.
    """
    return max(WRITTEN_BYTES_MIN, min(WRITTEN_BYTES_MAX, ALL_WRITTEN_BYTES // partitions))


@cache
def shared_blocks() -> Cache:
    """What was read of files, by all stores of a process."""
    return Cache(BLOCKS_BYTES)


def _options(written_bytes: int) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(shared_blocks())
    table.set_bloom_filter(10, False)
    table.set_cache_index_and_filter_blocks(True)
    # In pieces of some KiB: a large file's index and filter are megabytes, more than the cache has
    # room for in one place, so that each look at a row that is not there would read them anew.
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_partition_filters(True)
    table.set_metadata_block_size(4 * KIB)
    table.set_pin_top_level_index_and_filter(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(written_bytes)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_keep_log_file_num(2)
    options.set_max_background_jobs(2)
    return options


def _scan(
    iterator: Any, start: bytes, end: bytes, partition: int | None
) -> Iterator[tuple[bytes, bytes]]:
    """Keys with start <= key < end, in order."""
    iterator.seek(start)
    while iterator.valid():
        key = iterator.key()
        if key >= end:
            return
        yield key, iterator.value()
        iterator.next()
    _check(iterator, partition)


def _check(iterator: Any, partition: int | None) -> None:
    """An iterator that is not valid has come to the end, or can not read on."""
    try:
        iterator.status()
    except ROCKS_ERRORS as error:
        raise StoreCorrupt(f"a scan failed: {error}", partition) from error


class RocksView:
    """The database as of one moment: a single iterator, since RocksDB pins what it reads.

    (Iterators made from a rocksdict snapshot do not read the snapshot, as of 0.3.29.) It holds the
    database open, so it is for one query, on one thread.
    """

    def __init__(self, iterator: Any, partition: int | None) -> None:
        self._iterator = iterator
        self._partition = partition

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        self._iterator.seek(key)
        if not self._iterator.valid():
            _check(self._iterator, self._partition)
            return None
        return self._iterator.value() if self._iterator.key() == key else None

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys with start <= key < end, in order; the view may be used between two of them. Many
        want the first key only: it is read alone, and of what follows more and more at a time.
        """
        size = 1
        while True:
            chunk = list(islice(self._from(start, end), size))
            yield from chunk
            if len(chunk) < size:
                return
            start, size = chunk[-1][0] + b"\x00", min(4 * size, SCAN_CHUNK_MAX)

    def _from(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        return _scan(self._iterator, start, end, self._partition)


class RocksStore:
    """See store/port.py."""

    def __init__(
        self,
        directory: Path,
        partition: int | None = None,
        *,
        read_only: bool = False,
        written_bytes: int = WRITTEN_BYTES_MAX,
    ) -> None:
        directory.parent.mkdir(parents=True, exist_ok=True)
        access: Any = AccessType.read_only(False) if read_only else AccessType.read_write()
        try:
            if not read_only:
                defuse_logs(directory)
            self._db = Rdict(str(directory), _options(written_bytes), access_type=access)
        except ROCKS_ERRORS as error:
            raise _opening_error(directory, partition, error) from error
        self._partition = partition
        self._closed = False

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys with start <= key < end, in order."""
        options = ReadOptions()
        options.set_iterate_upper_bound(end)
        return _scan(self._db.iter(options), start, end, self._partition)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        try:
            return self._db.get(key)
        except ROCKS_ERRORS as error:
            raise self._error("a read", error) from error

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Put or delete all keys, in one WriteBatch."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        self._write(batch, WriteOptions())

    def view(self) -> RocksView:
        """The database as it is now."""
        try:
            return RocksView(self._db.iter(), self._partition)
        except ROCKS_ERRORS as error:
            raise self._error("a view", error) from error

    def checkpoint(self, directory: Path) -> None:
        """Flush what is in memory, and link the files: they never change."""
        try:
            Checkpoint(self._db).create_checkpoint(str(directory))
        except ROCKS_ERRORS as error:
            raise self._error("a checkpoint", error) from error

    def sync(self) -> None:
        """Sync the WAL."""
        try:
            self._db.flush_wal(True)
        except ROCKS_ERRORS as error:
            raise StoreError(f"a sync failed: {error}") from error

    def close(self) -> None:
        """Close the database; what is in the WAL is there at the next open."""
        if not self._closed:
            self._closed = True
            try:
                self._db.close()
            except ROCKS_ERRORS as error:  # it is closed, and could not flush what the WAL has
                raise StoreError(f"the store was closed after a failure: {error}") from error

    def _write(self, batch: WriteBatch, options: WriteOptions) -> None:
        try:
            self._db.write(batch, options)
        except ROCKS_ERRORS as error:
            raise self._error("a write", error) from error

    def _error(self, what: str, error: Exception) -> StoreError:
        text = f"{what} failed: {error}"
        return StoreCorrupt(text, self._partition) if "Corruption" in text else StoreError(text)


class RocksStores:
    """Databases in one directory, named by their partitions, of which there are so many."""

    def __init__(self, directory: Path, partitions: int = 1) -> None:
        self._directory = directory
        self._written_bytes = written_bytes_of(partitions)

    def exists(self, partition: int) -> bool:
        """Whether there is a directory for it."""
        return self._path(partition).exists()

    def open(self, partition: int) -> RocksStore:
        """Open or make the database."""
        return RocksStore(self._path(partition), partition, written_bytes=self._written_bytes)

    def open_copy(self, directory: Path) -> RocksStore:
        """Open a checkpoint to read."""
        if not directory.is_dir():
            raise StoreCorrupt(f"there is no directory {directory}")
        return RocksStore(directory, read_only=True)

    def adopt(self, partition: int, directory: Path) -> None:
        """Rename the directory, which has to be on the same disk."""
        path = self._path(partition)
        assert not path.exists(), "a store is never overwritten"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            directory.rename(path)
        except OSError as error:
            raise StoreError(f"{directory} can not be renamed to {path}: {error}") from error

    def set_aside(self, partition: int, why: str) -> None:
        """Rename the database; an operator looks at it and deletes it."""
        path = self._path(partition)
        aside = (path.with_name(f"{path.name}.{why}-{number}") for number in count(1))
        path.rename(next(free for free in aside if not free.exists()))

    def _path(self, partition: int) -> Path:
        return self._directory / f"partition-{partition}"


def _opening_error(directory: Path, partition: int | None, error: Exception) -> StoreError:
    text = str(error)
    if "/LOCK:" in text:  # the file that stands for the whole database
        return StoreLocked(f"{directory} is open in another process: {text}")
    told = f"{directory} can not be opened: {text}"
    # What the system refuses may pass (no room, no more open files, a disk that is read-only or
    # does not answer), and says nothing of the files; that one is missing does.
    refused = isinstance(error, OSError) or "IO error" in text
    if refused and NOT_THERE not in text:
        return StoreError(told)
    return StoreCorrupt(told, partition)
