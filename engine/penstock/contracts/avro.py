"""Avro as it stands on the topics: single-object encoding (C3 01, the 8-byte fingerprint of the
writer's schema, the body), so that a client of any language can write it with its own Avro library
and schemas/.

Rules: bytes are counted before anything is decoded; no schema is recursive; what is left over after
a record is an error. A record written under an older schema of schemas/history is read as today's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final, cast

import fastavro
import msgspec
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form
from msgspec import Struct
from msgspec.structs import asdict

from penstock.contracts.locate import contract_folder
from penstock.contracts.records import RECORD_TYPES, RecordType
from penstock.contracts.schema_of import Convert, Schema, conversions
from penstock.core.limits import RECORD_BYTES_MAX
from penstock.core.values.types import ValueProblem

MAGIC: Final = b"\xc3\x01"
HEAD_BYTES: Final = len(MAGIC) + 8


class Malformed(Exception):
    """Bytes that are no record of ours; the message says why."""


class _Codec:
    """One record type, ready to write and read."""

    __slots__ = ("ahead", "back", "head", "out", "record_type", "schema", "texts")

    def __init__(self, record_type: RecordType) -> None:
        self.record_type = record_type
        schema = record_type.schema()
        self.head = MAGIC + fingerprint_of(schema)
        self.schema: Any = parse_schema(schema)
        self.ahead = tuple(record_type.ahead)
        self.out: dict[str, Convert]
        self.back: dict[str, Convert]
        self.out, self.back = conversions(record_type.kind)
        self.texts = tuple(
            field["name"]
            for field in schema["fields"]
            if field["type"] in ("string", ["null", "string"])
        )


@cache
def _codecs() -> Mapping[type[Struct], _Codec]:
    """By kind of record. To parse the schemas takes a tenth of a second: once in a process."""
    return {record_type.kind: _Codec(record_type) for record_type in RECORD_TYPES}


def fingerprint_of(schema: Schema) -> bytes:
    """The CRC-64-AVRO fingerprint of a schema's canonical form."""
    hexadecimal = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    return bytes.fromhex(hexadecimal)


@cache
def _released(history: Path) -> Mapping[bytes, tuple[str, Any]]:
    """Name and form of the schemas of released versions, by head. They never change: read once."""
    found: dict[bytes, tuple[str, Any]] = {}
    for path in sorted(history.rglob("*.avsc")):
        schema = cast(Schema, json.loads(path.read_text()))
        found[MAGIC + fingerprint_of(schema)] = (str(schema["name"]), parse_schema(schema))
    return found


class Avro:
    """Writes and reads all record types."""

    def __init__(self, schemas: Path | None = None) -> None:
        self._by_kind = _codecs()
        self._readers: dict[bytes, tuple[_Codec, Any, Any]] = {
            codec.head: (codec, codec.schema, None) for codec in self._by_kind.values()
        }
        self._history = (schemas or contract_folder("schemas")) / "history"

    def encode(self, record: Struct, *ahead: Any) -> bytes:
        """The record's bytes; `ahead` are the values of the envelope's fields, in order."""
        codec = self._by_kind[type(record)]
        fields = asdict(record)
        for name, convert in codec.out.items():
            fields[name] = convert(fields[name])
        fields.update(zip(codec.ahead, ahead, strict=True))
        out = BytesIO()
        out.write(codec.head)
        fastavro.schemaless_writer(out, codec.schema, fields)
        return out.getvalue()

    def decode(
        self, data: bytes, bytes_max: int = RECORD_BYTES_MAX
    ) -> tuple[Struct, dict[str, Any]]:
        """The record and the fields of its envelope, or Malformed."""
        if len(data) > bytes_max:
            raise Malformed(f"{len(data)} bytes: a record may have {bytes_max}")
        reader = self._readers.get(data[:HEAD_BYTES]) or self._older(data[:HEAD_BYTES])
        if reader is None:
            raise Malformed(_no_reader(data))
        codec, writer_schema, reader_schema = reader
        stream = BytesIO(data)
        stream.seek(HEAD_BYTES)
        try:
            fields = cast(
                "dict[str, Any]", fastavro.schemaless_reader(stream, writer_schema, reader_schema)
            )
            if stream.tell() != len(data):
                raise Malformed(f"{len(data) - stream.tell()} bytes are left over after the record")
            for name in codec.texts:
                if "\x00" in (fields[name] or ""):
                    raise Malformed(f"{name} has a NUL character")
            ahead = {name: fields.pop(name) for name in codec.ahead}
            for name, convert in codec.back.items():
                fields[name] = convert(fields[name])
            return msgspec.convert(fields, codec.record_type.kind), ahead
        except Malformed:
            raise
        except _NOT_DECODABLE as error:
            raise Malformed(
                f"not a {codec.record_type.name}: {error or type(error).__name__}"
            ) from error

    def _older(self, head: bytes) -> tuple[_Codec, Any, Any] | None:
        """The reader of a released version's schema, as today's record of the same name. They are
        looked at when one is met first: most logs have none.
        """
        name, schema = _released(self._history).get(head, ("", None))
        for codec in self._by_kind.values():
            if codec.record_type.name == name:
                self._readers[head] = found = (codec, schema, codec.schema)
                return found
        return None


_NOT_DECODABLE: Final = (
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    AttributeError,
    ValueProblem,
)
"""What fastavro, orjson and msgspec raise on bytes that are not what they should be."""


def _no_reader(data: bytes) -> str:
    if not data:
        return "an empty value"
    if data[:2] != MAGIC:
        return "it does not begin with C3 01, as Avro single-object encoding does"
    if len(data) < HEAD_BYTES:
        return "it ends within the schema's fingerprint"
    return f"no schema has the fingerprint {data[2:HEAD_BYTES].hex()}"
