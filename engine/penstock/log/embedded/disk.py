"""The embedded log's disk: one RocksDB database, and the bytes of a record in it.

Rules
- A key is topic number, partition and offset, big endian: a partition is a range, in its order.
  Topic number 0 is the log's own book (embedded_book.py).
- A record carries a CRC-32 of its key and its bytes. RocksDB checks its own blocks; ours also sees
  a record that came to stand in another's place.
- What a kill or a power cut tore off at the end of the write-ahead log is cut when it is opened. A
  hole with whole records behind it is no torn end: acknowledged records are missing, and the log
  refuses to open.
- After a write that failed (a full disk) RocksDB writes no more; the next write opens it again. It
  waits until nobody uses the database: a reader's iterator would keep RocksDB's own lock.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Lock
from typing import Any, Final
from zlib import crc32

import msgspec
from msgspec import Struct
from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    DbClosedError,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

from penstock.log.port import LogFatal, LogUnavailable, Record
from penstock.rocks import ROCKS_ERRORS, defuse_logs

logger = logging.getLogger(__name__)
BLOCK_CACHE_BYTES: Final = 32 * 1024 * 1024
WRITE_BUFFER_BYTES: Final = 32 * 1024 * 1024
_KEY: Final = struct.Struct(">IIQ")
_CHECKSUM: Final = struct.Struct(">I")
_OFFSET_MAX: Final = 2**64 - 1


class _Stored(Struct, array_like=True, frozen=True):
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Stored).decode


def record_key(topic: int, partition: int, offset: int) -> bytes:
    """Where a record stands in the database."""
    return _KEY.pack(topic, partition, offset)


def encode_record(key: bytes, record: Record) -> bytes:
    """Checksum and content of a record."""
    headers = dict(record.headers)
    body = _encode(_Stored(record.timestamp_ms, record.key, record.value, headers))
    return _CHECKSUM.pack(crc32(body, crc32(key))) + body


def decode_record(topic: str, key: bytes, data: bytes) -> Record:
    """The record that was put under `key`; raises LogFatal if these are not its bytes."""
    _, partition, offset = _KEY.unpack(key)
    body = memoryview(data)[_CHECKSUM.size :]
    if len(data) < _CHECKSUM.size or _CHECKSUM.unpack_from(data)[0] != crc32(body, crc32(key)):
        raise LogFatal(f"the record {topic} {partition}:{offset} is damaged: wrong checksum")
    stored = _decode(body)
    return Record(
        topic,
        partition,
        offset,
        stored.timestamp_ms,
        stored.key,
        stored.value,
        stored.headers,
    )


class Disk:
    """An open database, for any thread; close it when nobody reads or writes."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._db = _open(directory)
        self._failed = False
        self._entrance = Lock()  # held while it is opened again
        self._users = 0
        self._left = Condition()
        self._synced = WriteOptions()
        self._synced.sync = True
        self._unsynced = WriteOptions()

    def write(self, puts: Iterable[tuple[bytes, bytes]], *, sync: bool) -> None:
        """Put all or nothing; `sync` waits until it is on the disk itself."""
        if self._failed:
            self._open_again()
        batch = WriteBatch(raw_mode=True)
        for key, value in puts:
            batch.put(key, value)
        with self._used() as database:
            try:
                database.write(batch, self._synced if sync else self._unsynced)
            except ROCKS_ERRORS:
                self._failed = True
                raise

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        with self._used() as database:
            return database.get(key)

    def scan(self, start: bytes, end: bytes) -> list[tuple[bytes, bytes]]:
        """All with start <= key < end, in order."""
        options = ReadOptions()
        options.set_iterate_upper_bound(end)
        found: list[tuple[bytes, bytes]] = []
        with self._used() as database:
            iterator = database.iter(options)
            try:
                iterator.seek(start)
                while iterator.valid():
                    found.append((iterator.key(), iterator.value()))
                    iterator.next()
                iterator.status()
            finally:
                del iterator  # now: it keeps RocksDB's lock, and an error that is kept keeps it
        return found

    def records(
        self, topic_number: int, topic: str, partition: int, span: tuple[int, int]
    ) -> list[Record]:
        """Records from one offset up to another; raises LogFatal if one is missing."""
        start, end = span
        rows = self.scan(
            record_key(topic_number, partition, start), record_key(topic_number, partition, end)
        )
        if len(rows) != end - start:  # this log leaves no holes
            missing = end - start - len(rows)
            raise LogFatal(f"{missing} records of {topic} {partition}:{start}-{end} are missing")
        return [decode_record(topic, key, data) for key, data in rows]

    def next_offset(self, topic_number: int, partition: int) -> int:
        """The offset after a partition's last record."""
        with self._used() as database:
            iterator = database.iter()
            try:
                iterator.seek_for_prev(record_key(topic_number, partition, _OFFSET_MAX))
                if not iterator.valid():
                    iterator.status()
                    return 0
                key = iterator.key()
            finally:
                del iterator  # see `scan`
        found = _KEY.unpack(key) if len(key) == _KEY.size else (0, 0, 0)
        return found[2] + 1 if found[:2] == (topic_number, partition) else 0

    def close(self) -> None:
        """Let go of the database and its lock. What was written is in its log, flushed or not."""
        try:
            self._db.close()
        except DbClosedError:
            pass  # it could not be opened again
        except ROCKS_ERRORS as error:
            logger.warning("closing the log in %s: %s", self._directory, error)

    @contextmanager
    def _used(self) -> Generator[Rdict]:
        """The database, which is not opened again meanwhile; its errors as those of a log."""
        with self._entrance, self._left:
            self._users += 1
        try:
            yield self._db
        except ROCKS_ERRORS as error:
            raise _error(self._directory, error) from error
        finally:
            with self._left:
                self._users -= 1
                self._left.notify_all()

    def _open_again(self) -> None:
        with self._entrance:
            if not self._failed:
                return
            with self._left:
                self._left.wait_for(lambda: self._users == 0)
            self.close()
            self._db = _open(self._directory)
            self._failed = False
            logger.warning("the log in %s is open again after a failed write", self._directory)


def _options(recovery: DBRecoveryMode) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(Cache(BLOCK_CACHE_BYTES))
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_wal_recovery_mode(recovery)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_keep_log_file_num(2)
    options.set_max_background_jobs(2)
    return options


def _open(directory: Path) -> Rdict:
    """Open, and cut a torn end; raise LogFatal if records behind it would be lost with it."""
    strict = DBRecoveryMode.tolerate_corrupted_tail_records()
    try:
        defuse_logs(directory)
        return Rdict(str(directory), _options(strict))
    except ROCKS_ERRORS as error:
        if "Corruption" not in str(error):
            raise _error(directory, error) from error
        first = error
    up_to_damage = DBRecoveryMode.point_in_time()
    try:
        whole = _last_number(directory, up_to_damage)
        behind = _last_number(directory, DBRecoveryMode.skip_any_corrupted_record())
        if behind <= whole:
            return Rdict(str(directory), _options(up_to_damage))
    except ROCKS_ERRORS as error:
        raise _error(directory, error) from error
    raise _error(directory, first) from first


def _last_number(directory: Path, recovery: DBRecoveryMode) -> int:
    """The number of the last write that this way of recovering finds; changes nothing."""
    read_only: Any = AccessType.read_only(False)
    database = Rdict(str(directory), _options(recovery), access_type=read_only)
    try:
        return database.latest_sequence_number()
    finally:
        database.close()


def _error(directory: Path, error: Exception) -> LogFatal | LogUnavailable:
    """What an error of RocksDB means to the caller."""
    text = str(error)
    if "LOCK" in text and "lock" in text.lower():
        return LogFatal(
            f"the log in {directory} is open already: an embedded log has one process, others reach"
            f" it over HTTP ({text})"
        )
    if isinstance(error, (DbClosedError, OSError)) or "IO error" in text:
        return LogUnavailable(f"the log in {directory} can not be written or read: {text}")
    if "Corruption" in text:
        return LogFatal(
            f"the log in {directory} is damaged; bring it back from a backup, or move the directory"
            f" away to begin anew ({text})"
        )
    return LogFatal(f"the log in {directory} failed: {text}")
