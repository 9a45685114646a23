"""UserTaskDef: a form that a person fills in. Versions count 1, 2, 3, and stay as they are.

What a person fills in is checked here, field by field, by name and type.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from penstock.core.errors import Code, refuse
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row, Rows
from penstock.core.values.types import ValueProblem, ValueType
from penstock.core.values.value import Value, check_bounds, coerce


class FieldType(StrEnum):
    """What a field may hold."""

    INT = "INT"
    STR = "STR"
    BOOL = "BOOL"
    DOUBLE = "DOUBLE"


class UserTaskField(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A field of a form. One that is not required may be left out; then it is null."""

    name: str
    type: FieldType
    required: bool = True
    display_name: str | None = None
    description: str | None = None


class UserTaskDef(Row):
    """A version of a form. Who fills it in is said by the USER_TASK node. A deleted one can not be
    used by new specs.
    """

    KIND, SCOPE, KEY = b"u", Scope.DEFINITION, ("tenant", "name", "version")

    tenant: str
    name: str
    version: int
    fields: tuple[UserTaskField, ...]
    description: str
    created_ms: int
    deleted_ms: int | None = None


class LatestUserTaskDef(Row):
    """Which version of a UserTaskDef is the newest that is not deleted (0: none), and which number
    was given last.
    """

    KIND, SCOPE, KEY = b"U", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    version: int
    last: int


def find_user_task_def(
    rows: Rows, tenant: str, name: str, version: int | None = None
) -> UserTaskDef | None:
    """A version of a UserTaskDef, the newest if none is named; one that is named may be deleted."""
    if version is None:
        latest = rows.peek(LatestUserTaskDef, tenant, name)
        version = 0 if latest is None else latest.version
    return rows.peek(UserTaskDef, tenant, name, version) if version > 0 else None


def some_results(form: UserTaskDef, given: Mapping[str, Value]) -> dict[str, Value]:
    """The fields that are given, each as its type has it; refuses one that does not fit."""
    fields = {field.name: field for field in form.fields}
    results: dict[str, Value] = {}
    for name, value in given.items():
        if name not in fields:
            known = sorted(fields)[:20]
            refuse(Code.FIELD_UNKNOWN, f"{form.name!r} has no field {name!r}; it has {known}")
        try:
            results[name] = coerce(value, ValueType(fields[name].type))
        except ValueProblem as problem:
            refuse(Code.BAD_VALUE, f"field {name!r}: {problem}")
    return checked_size(results)


def all_results(form: UserTaskDef, given: Mapping[str, Value]) -> dict[str, Value]:
    """Every field of the form: null for an optional one that is left out, a refusal for a required
    one.
    """
    some = some_results(form, given)
    for field in form.fields:
        if field.required and some.get(field.name) is None:
            refuse(Code.FIELD_REQUIRED, f"field {field.name!r} ({field.type}) must be given")
    return checked_size({field.name: some.get(field.name) for field in form.fields})


def checked_size(results: dict[str, Value]) -> dict[str, Value]:
    """The fields in order, if they are not too large together: they are one value."""
    try:
        check_bounds(results)
    except ValueProblem as problem:
        refuse(Code.TOO_LARGE, f"the fields together: {problem}")
    return dict(sorted(results.items()))
