"""What of a value may be shown: masked parts are `*****`. Workers get the clear value; this is for
those who look at a run from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from penstock.core.values.forms import Expression, OutputRef, VariableRef, parts_of
from penstock.core.values.paths import passes_masked, path_type
from penstock.core.values.types import (
    AnyStruct,
    ArrayOf,
    DefinitionMissing,
    InlineStruct,
    MapOf,
    StructOf,
    Structs,
    Type,
    ValueType,
    parse_type,
    struct_fields,
)
from penstock.core.values.value import Value

MASK: Final = "*****"

Hide = Callable[[Type, Structs], Value]
"""What stands in the place of a masked value of a type."""


def hidden(_: Type, __: Structs) -> Value:
    """That there is one is all that is shown."""
    return MASK


def stand_in(kind: Type, structs: Structs) -> Value:
    """Says nothing of the value either, but fits where the value did, so that it can be folded."""
    match kind:
        case ArrayOf() | ValueType.JSON_ARR:
            return []
        case MapOf() | ValueType.JSON_OBJ:
            return {}
        case StructOf() | InlineStruct():
            fields = struct_fields(kind, structs).values()
            needed = (field for field in fields if field.required)
            return {field.name: stand_in(parse_type(field.type), structs) for field in needed}
        case _:
            return _STAND_INS.get(kind, MASK)


_STAND_INS: Final[dict[Type, Value]] = {
    ValueType.INT: 0,
    ValueType.DOUBLE: 0.0,
    ValueType.BOOL: False,
    ValueType.BYTES: "",
    ValueType.TIMESTAMP: "1970-01-01T00:00:00.000Z",
    ValueType.WF_RUN_ID: "masked",
}


def shown_value(
    value: Value, declared: str, structs: Structs, *, masked: bool, hide: Hide = hidden
) -> Value:
    """The value with what is masked left out: all of it, or masked fields of structs in it. That
    there is no value is shown.
    """
    if value is None:
        return None
    kind = parse_type(declared)
    return hide(kind, structs) if masked else _shown(value, kind, structs, hide)


def has_masked(kind: Type, structs: Structs, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a part of such a value may be masked: a field of a struct in it."""
    match kind:
        case ArrayOf(item) | MapOf(_, item):
            return has_masked(item, structs, seen)
        case StructOf(name) if name in seen:
            return False
        case StructOf() | InlineStruct():
            within = seen | {kind.name} if isinstance(kind, StructOf) else seen
            return any(
                field.masked or has_masked(parse_type(field.type), structs, within)
                for field in struct_fields(kind, structs).values()
            )
        case _:
            return False


def may_have_masked(declared: str, structs: Structs) -> bool:
    """The same of a type by its name. Of a struct that is deleted nobody knows any more what may be
    shown.
    """
    try:
        return has_masked(parse_type(declared), structs)
    except DefinitionMissing:
        return True


def reads_masked(
    expression: Expression,
    wanted: str | None,
    types: Mapping[tuple[str, str], str],
    structs: Structs,
) -> bool:
    """Whether an expression reads masked fields of what has these types, so that its value must be
    masked as a whole. What is passed on as it is, to a place of the same type, is masked there by
    that type.
    """
    for part in parts_of(expression):
        match part:
            case VariableRef(name, path):
                declared = types.get(("VARIABLE", name))
            case OutputRef(name, path):
                declared = types.get(("NODE_OUTPUT", name))
            case _:
                continue
        if declared is None:
            continue
        kind: Type | None = parse_type(declared)
        if path is not None:
            if passes_masked(parse_type(declared), path, structs):
                return True
            kind = path_type(parse_type(declared), path, structs)
        as_it_is = part is expression and str(kind) == wanted
        if kind is not None and not as_it_is and has_masked(kind, structs):
            return True
    return False


def _shown(value: Value, kind: Type, structs: Structs, hide: Hide) -> Value:
    match kind:
        case ArrayOf(item) if isinstance(value, list):
            return [_shown(part, item, structs, hide) for part in cast("list[Any]", value)]
        case MapOf(_, item) if isinstance(value, dict):
            parts = cast("dict[str, Any]", value)
            return {key: _shown(part, item, structs, hide) for key, part in parts.items()}
        case StructOf() | InlineStruct() if isinstance(value, dict):
            return _shown_struct(cast("dict[str, Any]", value), kind, structs, hide)
        case _:
            return value


def _shown_struct(value: dict[str, Any], kind: AnyStruct, structs: Structs, hide: Hide) -> Value:
    try:
        fields = struct_fields(kind, structs)
    except DefinitionMissing:
        return MASK  # nobody knows any more what may be shown
    made: dict[str, Any] = {}
    for key, part in value.items():
        field = fields.get(key)
        if field is None:
            made[key] = part
        else:
            made[key] = shown_value(part, field.type, structs, masked=field.masked, hide=hide)
    return made
