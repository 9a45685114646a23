"""The records of the topics: which Struct has which Avro schema, in which folder.

Commands carry an envelope of three fields ahead of their own: tenant, principal, not_after_ms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from penstock.contracts.schema_of import Schema, record_schema
from penstock.core.commands import COMMANDS
from penstock.core.state.outputs import EVENTS, ScheduledTask, WorkerSignal


class Verdict(Struct, frozen=True, kw_only=True):
    """A ruling: this part of the fold of this record hit a defect and is undone (R6)."""

    partition: int
    offset: int
    part: str
    reason: str = ""


RETRIED: Final = "RETRIED"
"""The code of a dead record that only tells that another one was sent again."""


class DeadRecord(Struct, frozen=True, kw_only=True):
    """What could not be handled or delivered: where it stood, why, and its bytes, cut to fit."""

    topic: str
    partition: int
    offset: int
    code: str
    message: str
    key: bytes = b""
    value: bytes = b""
    value_bytes: int = 0


class RecordType(Struct, frozen=True):
    """One kind of record: its Struct, the folder of its schema, and the fields ahead of the
    Struct's own.
    """

    kind: type[Struct]
    folder: str
    ahead: Mapping[str, Any] = {}

    @property
    def name(self) -> str:
        """The name of the Avro record."""
        return self.kind.__name__

    @property
    def path(self) -> str:
        """Where its schema stands in schemas/."""
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", self.name).lower()
        return f"{self.folder}/{snake}.avsc"

    def schema(self) -> Schema:
        """Its Avro schema, as the Struct says now."""
        return record_schema(
            self.kind, name=self.name, namespace=f"penstock.{self.folder}", ahead=self.ahead
        )


ENVELOPE: Final[Mapping[str, Any]] = {"tenant": str, "principal": str, "not_after_ms": int | None}
EVENT_ENVELOPE: Final[Mapping[str, Any]] = {"tenant": str}

RECORD_TYPES: Final[tuple[RecordType, ...]] = (
    *(RecordType(entry.record, "command", ENVELOPE) for entry in COMMANDS),
    RecordType(ScheduledTask, "task"),
    RecordType(WorkerSignal, "task"),
    *(RecordType(event, "event", EVENT_ENVELOPE) for event in EVENTS),
    RecordType(Verdict, "event"),
    RecordType(DeadRecord, "event"),
)
