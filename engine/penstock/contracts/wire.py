"""Records of `commands` as bytes: what stands in headers, and how a record becomes the fold's
input.

Headers are read before the body (R5): `command-id`, `fold-version`, and on engine commands
`source`, `stamp` and `previous` (R4). Outputs carry `stamp`: topic id, partition, offset and index
of their cause (I2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from penstock.contracts.avro import Avro, Malformed
from penstock.core.command import Command, of_wf_run
from penstock.core.commands import TYPE_OF
from penstock.core.definitions.metadata import DECIDING_PARTITION as METADATA_PARTITION
from penstock.core.fold import Input, Origin
from penstock.core.ids import is_kebab, root_of
from penstock.core.limits import COMMAND_BYTES_MAX, FIRST_FOLD_VERSION

COMMAND_ID: Final = "command-id"
VERSION: Final = "fold-version"
SOURCE: Final = "source"
STAMP: Final = "stamp"
PREVIOUS: Final = "previous"

COMMAND_ID_BYTES_MAX: Final = 128
TENANT_DEFAULT: Final = "default"

_FIRST_VERSION: Final = b"%d" % FIRST_FOLD_VERSION
_NUMBER: Final = re.compile(rb"\d{1,9}")
_STAMP: Final = re.compile(rb"(\d{1,19}:\d{1,9})?")


class Sent(Struct, frozen=True, kw_only=True):
    """A command with its envelope, as a sender has it."""

    command: Command
    tenant: str = TENANT_DEFAULT
    principal: str = ""
    not_after_ms: int | None = None


def command_value(avro: Avro, sent: Sent) -> bytes:
    """The value of a command's record."""
    return avro.encode(sent.command, sent.tenant, sent.principal, sent.not_after_ms)


class Outgoing(Struct, frozen=True):
    """A client's command as a record: its key, or the partition it must go to."""

    key: bytes | None
    value: bytes
    headers: dict[str, bytes]
    partition: int | None


def outgoing(avro: Avro, sent: Sent, command_id: str | None) -> Outgoing:
    """A client's command, ready to be appended: by key to its run's partition, or metadata to
    partition 0.
    """
    kind = TYPE_OF[type(sent.command)]
    key = kind.key(sent.command)
    if key is not None and kind.key is of_wf_run:
        key = root_of(key)
    return Outgoing(
        None if key is None else key.encode(),
        command_value(avro, sent),
        client_headers(command_id),
        METADATA_PARTITION if key is None else None,
    )


def client_headers(command_id: str | None) -> dict[str, bytes]:
    """The headers of a command that needs nothing of a later fold version, as long as there is none
    that does: a client may be newer than the log.
    """
    headers = {VERSION: _FIRST_VERSION}
    if command_id is not None:
        headers[COMMAND_ID] = command_id.encode()
    return headers


def engine_headers(origin: Origin, fold_version: int) -> dict[str, bytes]:
    """The headers of a command from one partition to another."""
    return {
        VERSION: b"%d" % fold_version,
        SOURCE: b"%d" % origin.source,
        STAMP: origin.stamp.encode(),
        PREVIOUS: origin.previous.encode(),
    }


def read_command(
    avro: Avro,
    *,
    offset: int,
    append_ms: int,
    key: bytes | None,
    value: bytes | None,
    headers: Mapping[str, bytes],
) -> Input:
    """The fold's input of a record. Never raises for what a sender may have written."""
    problems: list[str] = []
    head = (
        offset,
        append_ms,
        _text(key or b"", "key", problems),
        _command_id(headers, problems),
        _version(headers, problems),
        _origin(headers, problems),
    )
    envelope: dict[str, Any] = {}
    try:
        command, said = avro.decode(value or b"", COMMAND_BYTES_MAX)
        if not isinstance(command, Command):
            raise Malformed(f"{type(command).__name__} is not a command")
        if not is_kebab(said["tenant"]):
            raise Malformed("the tenant is not kebab-case of 1-40 characters")
        envelope = said
        if not problems:
            return Input(*head, command=command, **envelope)
    except Malformed as malformed:
        problems.append(str(malformed))
    return Input(*head, problem="; ".join(problems), **envelope)


def _text(data: bytes, what: str, problems: list[str]) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        problems.append(f"the {what} is not UTF-8")
        return ""
    if "\x00" in text or len(text) > 1_024:
        problems.append(f"the {what} has a NUL or is too long")
        return ""
    return text


def _command_id(headers: Mapping[str, bytes], problems: list[str]) -> str | None:
    data = headers.get(COMMAND_ID)
    if data is None:
        return None
    if not 1 <= len(data) <= COMMAND_ID_BYTES_MAX:
        problems.append(f"a {COMMAND_ID} has 1 to {COMMAND_ID_BYTES_MAX} bytes")
        return None
    return _text(data, COMMAND_ID, problems) or None


def _version(headers: Mapping[str, bytes], problems: list[str]) -> int:
    data = headers.get(VERSION)
    if data is None or data == _FIRST_VERSION:
        return FIRST_FOLD_VERSION
    if not _NUMBER.fullmatch(data):
        problems.append(f"the {VERSION} is not a number")
        return FIRST_FOLD_VERSION
    return int(data)


def _origin(headers: Mapping[str, bytes], problems: list[str]) -> Origin | None:
    source = headers.get(SOURCE)
    if source is None:
        return None
    stamp, previous = headers.get(STAMP, b""), headers.get(PREVIOUS, b"")
    well_formed = _NUMBER.fullmatch(source) and stamp and _STAMP.fullmatch(stamp)
    if not well_formed or not _STAMP.fullmatch(previous):
        problems.append(f"{SOURCE}, {STAMP} and {PREVIOUS} are not those of an engine command")
        return None
    return Origin(int(source), stamp.decode(), previous.decode())
