"""What of a value may be shown: masked parts are `*****`. Workers get the clear value; this is for
those who look at a run from outside.
"""

from __future__ import annotations

from typing import Any, Final, cast

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
