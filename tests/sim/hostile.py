"""Hostile commands, made from the fields of each command's Struct: a plausible one, and that one
with one field after the other set to what nobody should send. New commands come along by
themselves; a field of a new name that must be plausible gets a line in `PLAUSIBLE`.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, Union, get_args, get_origin

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo

from penstock.core.bulk.rows import BulkFilter
from penstock.core.command import Command
from penstock.core.limits import COMMAND_BYTES_MAX
from penstock.core.state.transitions import TaskStatus
from tests.controls import chain, declared

BIG: Final = COMMAND_BYTES_MAX - 5_000

TEXTS: Final = (
    "",
    "no-such-thing",
    "\x01\x1f\x7f",
    "nul\x00nul",
    "..",
    "../../etc/passwd",
    "a.b.c",
    "name with spaces",
    "\u202egnirts",
    "ü" * 300,
    "$.x; DROP TABLE runs",
    "{{ 7 * 7 }}",
    "x" * 5_000,
    "x" * BIG,
    "x" * (COMMAND_BYTES_MAX + 1),
)
NUMBERS: Final = (-1, 0, 99, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))


def _nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


VALUES: Final = (
    None,
    True,
    -1,
    2**63 - 1,
    0.1,
    "",
    "\x00",
    "x" * 300_000,
    [],
    {},
    {"": {"\x00": [None]}},
    {"threads": {}, "entrypoint": "main"},
    {"threads": {"main": {"nodes": {"a": {"type": "NO_SUCH"}}}}, "entrypoint": "main"},
    {"threads": [], "entrypoint": 7, "and": "more"},
    _nested(60),
    _nested(200),
    [0] * 100_000,
    {f"key-{number}": number for number in range(5_000)},
)


def variants(command: Command) -> Iterator[tuple[str, Command]]:
    """The command with one field after the other as it should not be, and what was done."""
    for field in msgspec.structs.fields(type(command)):
        for number, value in enumerate(_bad(field.type)):
            made = msgspec.structs.replace(command, **{field.encode_name: value})
            yield f"{field.name}[{number}]", made


def _bad(kind: Any) -> Iterator[Any]:
    """Bad values of a type."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is types.UnionType or origin is Union:
        for part in parts:
            yield from [None] if part is type(None) else _bad(part)
    elif kind is Any:
        yield from VALUES
    elif isinstance(kind, type) and issubclass(kind, Enum):
        yield from kind
    elif kind is bool:
        yield from (True, False)
    elif kind is str:
        yield from TEXTS
    elif kind is int:
        yield from NUMBERS
    elif kind is float:
        yield from (-1.0, float("inf"), float("nan"))
    elif kind is bytes:
        yield from (b"", b"\xc1", b"\xff" * 1_000, b"\x91" * 5_000)
    elif origin is dict:
        yield from _bad_dicts(parts[1])
    elif origin in (tuple, list):
        yield from _bad_rows(parts[0])
    elif isinstance(kind, type) and issubclass(kind, Struct):
        yield from (rows[0] for rows in _bad_rows(kind) if len(rows) == 1)


def _bad_dicts(of: Any) -> Iterator[dict[str, Any]]:
    values = list(_bad(of))
    for name in TEXTS[:12]:
        yield {name: values[0]}
    for value in values:
        yield {"name": value}
    yield {f"name-{number}": values[0] for number in range(5_000)}


def _bad_rows(of: Any) -> Iterator[tuple[Any, ...]]:
    if not (isinstance(of, type) and issubclass(of, Struct)):
        yield from ((value,) for value in _bad(of))
        return
    good = of(**{field.name: _plausible(field, {}) for field in msgspec.structs.fields(of)})
    yield (good, good)
    yield (good,) * 5_000
    for field in msgspec.structs.fields(of):
        for value in _bad(field.type):
            yield (msgspec.structs.replace(good, **{field.name: value}),)


UNUSED: Final = "a-name"
"""What is defined, of each kind, and used by nobody."""

PLAUSIBLE: Final[Mapping[str, Any]] = {
    "name": UNUSED,
    "webhook_url": "https://example.com",
    "webhook": UNUSED,
    "key_hash": "0" * 64,
    "schedule_id": UNUSED,
    "fields": [declared("field", "INT")],
    "cron": "0 0 1 1 *",
    "wf_spec": "waits",
    "event_def": "go",
    "task_def": "work",
    "spec": chain(),
    "status": TaskStatus.TASK_SUCCESS,
    "version": 1,
    "attempt": 1,
    "kind": "TaskDef",
    "code": "NO_TOPIC",
    "filter": BulkFilter(wf_spec="works"),
    "verb": "stop",
}
"""By the name of the field; the ids of a run and of its task are the test's."""


def plausible(kind: type[Command], given: Mapping[str, Any]) -> Command:
    """A command that could be meant."""
    fields = msgspec.structs.fields(kind)
    made = {field.name: _plausible(field, given) for field in fields if _is_needed(field, given)}
    return kind(**made)


def _is_needed(field: FieldInfo, given: Mapping[str, Any]) -> bool:
    return field.required or field.name in given or field.name == "schedule_id"


def _plausible(field: FieldInfo, given: Mapping[str, Any]) -> Any:
    for known in (given, PLAUSIBLE):
        if field.name in known:
            return known[field.name]
    return _of_type(field.type)


def _of_type(kind: Any) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is types.UnionType or origin is Union:
        return None if type(None) in parts else _of_type(parts[0])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    plain = {str: "x", int: 1, float: 1.0, bool: False, bytes: b"", dict: {}, tuple: (), list: []}
    return plain.get(origin or kind)
