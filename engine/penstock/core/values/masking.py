"""What of a value may be shown: masked parts are `*****`. Workers get the clear value; this is for
those who look at a run from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    parse_type,
    struct_fields,
)
from penstock.core.values.value import Value

MASK: Final = "*****"


def shown_value(value: Value, declared: str, structs: Structs, *, masked: bool) -> Value:
    """The value with what is masked left out: all of it, or masked fields of structs in it. That
    there is no value is shown.
    """
    if value is None:
        return None
    return MASK if masked else _shown(value, parse_type(declared), structs)


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


def _shown(value: Value, kind: Type, structs: Structs) -> Value:
    match kind:
        case ArrayOf(item) if isinstance(value, list):
            return [_shown(part, item, structs) for part in cast("list[Any]", value)]
        case MapOf(_, item) if isinstance(value, dict):
            parts = cast("dict[str, Any]", value)
            return {key: _shown(part, item, structs) for key, part in parts.items()}
        case StructOf() | InlineStruct() if isinstance(value, dict):
            return _shown_struct(cast("dict[str, Any]", value), kind, structs)
        case _:
            return value


def _shown_struct(value: dict[str, Any], kind: AnyStruct, structs: Structs) -> Value:
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
            made[key] = shown_value(part, field.type, structs, masked=field.masked)
    return made
