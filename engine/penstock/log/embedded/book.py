"""The embedded log's book: what it is, its topics and the groups' marks, as checksummed rows.

It stands in the same database as the records, under topic number 0. Rows: `i` is the identity,
`t` + name a topic, `m` + topic, group and partition a mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar
from uuid import uuid4
from zlib import crc32

import msgspec
from msgspec import Struct

from penstock.contracts.topics import TopicSettings
from penstock.log.embedded.disk import Disk, record_key
from penstock.log.port import LogFatal, Mark

FORMAT: Final = 1
MarkOf = tuple[str, str, int]  # topic, group, partition
_BOOK: Final = record_key(0, 0, 0)[:4]
_encode = msgspec.msgpack.encode
Row = TypeVar("Row", bound=Struct)


class _Identity(Struct):
    format: int
    topic_id: str
    commands: str


class _TopicRow(Struct):
    number: int
    settings: TopicSettings


class _MarkRow(Struct):
    topic: str
    group: str
    partition: int
    mark: Mark


class Book:
    """The rows, read once; each is written when it changes."""

    def __init__(self, disk: Disk, commands: str) -> None:
        self._disk = disk
        self.topic_id = self._identify(commands)
        topics = [
            _read("a topic", data, _TopicRow) for _, data in disk.scan(_BOOK + b"t", _BOOK + b"u")
        ]
        self.topics: Mapping[int, TopicSettings] = {row.number: row.settings for row in topics}
        marks = [
            _read("a mark", data, _MarkRow) for _, data in disk.scan(_BOOK + b"m", _BOOK + b"n")
        ]
        self.marks: Mapping[MarkOf, Mark] = {
            (row.topic, row.group, row.partition): row.mark for row in marks
        }

    def put_topic(self, number: int, settings: TopicSettings) -> None:
        """Remember a new topic."""
        row = _encode(_TopicRow(number, settings))
        self._put(b"t" + settings.name.encode(), row, sync=True)

    def put_mark(self, of: MarkOf, mark: Mark, *, sync: bool) -> None:
        """Remember up to where a group is done."""
        topic, group, partition = of
        name = "\0".join((topic, group, str(partition)))
        self._put(b"m" + name.encode(), _encode(_MarkRow(topic, group, partition, mark)), sync=sync)

    def _identify(self, commands: str) -> str:
        found = self._disk.get(_BOOK + b"i")
        if found is None:
            identity = _Identity(FORMAT, str(uuid4()), commands)
            self._put(b"i", _encode(identity), sync=True)
            return identity.topic_id
        identity = _read("the log's identity", found, _Identity)
        if (identity.format, identity.commands) != (FORMAT, commands):
            raise LogFatal(
                f"the log here has format {identity.format} and topic {identity.commands}; asked"
                f" for are format {FORMAT} and topic {commands}"
            )
        return identity.topic_id

    def _put(self, name: bytes, row: bytes, *, sync: bool) -> None:
        data = crc32(row).to_bytes(4, "big") + row
        self._disk.write([(_BOOK + name, data)], sync=sync)


def _read(what: str, data: bytes, row_type: type[Row]) -> Row:
    row = data[4:]
    if crc32(row).to_bytes(4, "big") != data[:4]:
        raise LogFatal(f"{what} in the log's book is damaged: wrong checksum")
    return msgspec.msgpack.decode(row, type=row_type)


def check_settings(has: TopicSettings, settings: TopicSettings) -> None:
    """Refuse a topic that is there with other settings."""
    if has.partitions != settings.partitions:
        raise LogFatal(
            f"topic {settings.name} has {has.partitions} partitions, not"
            f" {settings.partitions}; their number is fixed when the log is made"
        )
    for name, value in settings.config.items():
        if has.config.get(name, value) != value:
            raise LogFatal(f"topic {settings.name} has {name}={has.config[name]}, not {value}")
