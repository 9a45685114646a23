"""Values of variables, task inputs and outputs: how large they may be, and what fits a type.

In the core a value is plain data: None, bool, int, float, str, bytes, list, dict. On the wire it is
JSON; the declared type says how to read it (BYTES are base64 text there, TIMESTAMPs any RFC 3339).
A value of a type is kept in one form only. Rows keep dict keys sorted, so equal values are equal
bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, Final, cast

import msgspec

from penstock.core.limits import INT_MAX, INT_MIN, JSON_DEPTH_MAX, VALUE_BYTES_MAX
from penstock.core.values.texts import (
    bool_of,
    bytes_of,
    double_of,
    int_of,
    json_text,
    text_of,
    wf_run_id_of_text,
)
from penstock.core.values.timestamps import timestamp
from penstock.core.values.types import (
    AnyStruct,
    ArrayOf,
    InlineStruct,
    MapOf,
    StructOf,
    Structs,
    Type,
    ValueProblem,
    ValueTooLarge,
    ValueType,
    no_structs,
    parse_type,
    struct_fields,
)

Value = Any
"""None, bool, int, float, str, bytes, list or dict of them."""

_ENCODER: Final = msgspec.msgpack.Encoder(order="deterministic")
encode_value = _ENCODER.encode
"""Canonical bytes of a value: equal values give equal bytes."""

_FITS_CHARS: Final = VALUE_BYTES_MAX // 2  # of ASCII: it need not be encoded to be measured


def value_bytes(value: Value) -> int:
    """The size of a value, as it is accounted for."""
    return len(encode_value(value))


def parts_in(value: Value) -> int:
    """Of how many values a value is made, itself included: what it costs to look at all of it."""
    if isinstance(value, dict):
        value = list(cast("dict[str, Any]", value).values())
    if not isinstance(value, list):
        return 1
    items = cast("list[Any]", value)
    inner = (parts_in(item) - 1 for item in items if isinstance(item, (list, dict)))
    return 1 + len(items) + sum(inner)


def coerce(value: Value, declared: str, structs: Structs = no_structs) -> Value:
    """A value from outside as the declared type has it (null fits every type), or ValueProblem.
    Nothing is converted: what happens to values inside of a run is said in casts.py.
    """
    return coerce_to(value, parse_type(declared), structs)


def coerce_to(value: Value, wanted: Type, structs: Structs = no_structs) -> Value:
    """Like `coerce`, of a type that is parsed."""
    if value is None:
        return None
    is_text = type(value) is str and wanted is ValueType.STR
    if is_text and len(value) <= _FITS_CHARS and value.isascii():
        return value
    if isinstance(value, (list, dict)):
        check_depth(cast(Any, value))
    fitted = _fit(value, wanted, structs)
    check_bounds(fitted)
    return fitted


def check_bounds(value: Value) -> None:
    """Raise ValueProblem if a value is too deep or too large, or no value at all."""
    check_depth(value)
    try:
        size = value_bytes(value)
    except UnicodeEncodeError:  # an escape of JSON can name half of a character
        raise ValueProblem("text with half of a character in it (a lone surrogate)") from None
    if size > VALUE_BYTES_MAX:
        raise ValueTooLarge(f"{size} bytes: a value may have at most {VALUE_BYTES_MAX}")


def type_name(value: Value) -> str:
    """The name of a value's own type, for messages."""
    for kind, name in _NAMES:
        if isinstance(value, kind):
            return name
    return "NULL"


_NAMES: Final[tuple[tuple[type, str], ...]] = (
    (bool, "BOOL"),
    (int, "INT"),
    (float, "DOUBLE"),
    (str, "STR"),
    (bytes, "BYTES"),
    (list, "JSON_ARR"),
    (dict, "JSON_OBJ"),
)


def check_depth(value: Value, levels_left: int = JSON_DEPTH_MAX) -> None:
    """Raise ValueProblem if a value is nested too deep, or holds what is no value."""
    if levels_left < 0:
        raise ValueProblem(f"nested deeper than {JSON_DEPTH_MAX} levels")
    if isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            if not isinstance(key, str):
                raise ValueProblem("the keys of an object must be text")
            check_depth(item, levels_left - 1)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            check_depth(item, levels_left - 1)
    elif isinstance(value, float):
        if not isfinite(value):
            raise ValueProblem("NaN and infinity are not values")
    elif isinstance(value, int):
        if not INT_MIN <= value <= INT_MAX:
            raise ValueProblem("an integer must fit in 64 bits, signed")
    elif value is not None and not isinstance(value, (str, bytes)):
        raise ValueProblem(f"{type(value).__name__} is not a value")


def shown(value: Value) -> str:
    """A value and its type, short, for messages."""
    try:
        text = repr(value) if isinstance(value, str) else json_text(value)
    except (TypeError, ValueError, RecursionError, ValueProblem):
        text = type(value).__name__
    return f"{type_name(value)} {text if len(text) <= 60 else text[:57] + '...'}"


def _fit(value: Value, wanted: Type, structs: Structs) -> Value:
    if value is None:
        return None
    match wanted:
        case ValueType():
            fitted = _FIT[wanted](value)
            if fitted is None:
                raise _misfit(value, str(wanted))
            return fitted
        case ArrayOf(item):
            return _fit_array(value, item, structs)
        case MapOf(key, item):
            return _fit_map(value, key, item, structs)
        case StructOf() | InlineStruct():
            return _fit_struct(value, wanted, structs)


def _misfit(value: Value, wanted: str) -> ValueProblem:
    """What has structs in it may have masked fields, wherever they stand: it is not quoted."""
    said = type_name(value) if "STRUCT<" in wanted else shown(value)
    return ValueProblem(f"{said} is not {wanted}")


def _fit_array(value: Value, wanted: Type, structs: Structs) -> Value:
    if not isinstance(value, list):
        raise _misfit(value, f"ARRAY<{wanted}>")
    fitted: list[Value] = []
    for index, item in enumerate(cast("list[Value]", value)):
        fitted.append(_within(f"item {index}", item, wanted, structs))
    return fitted


def _fit_map(value: Value, key_type: ValueType, wanted: Type, structs: Structs) -> Value:
    if not isinstance(value, dict):
        raise _misfit(value, f"MAP<{key_type},{wanted}>")
    items = cast("dict[str, Value]", value)
    fitted: dict[str, Value] = {}
    for key in sorted(items):  # which fault is named may not depend on the order (I1)
        canonical = map_key(key, key_type)
        if canonical in fitted:
            raise ValueProblem(f"key {canonical!r} is there twice")
        fitted[canonical] = _within(f"key {key!r}", items[key], wanted, structs)
    return fitted


def map_key(key: str, key_type: ValueType) -> str:
    """A key of a MAP in its one form, or ValueProblem if it is none of the key's type."""
    text = text_of(_READ_KEY[key_type](key))
    assert text is not None, "keys are simple, and simple values have a text"
    return text


def _fit_struct(value: Value, kind: AnyStruct, structs: Structs) -> Value:
    if not isinstance(value, dict):
        raise _misfit(value, str(kind))
    given = cast("dict[str, Value]", value)
    fields = struct_fields(kind, structs)
    for key in sorted(given.keys() - fields.keys()):
        raise ValueProblem(f"{kind} has no field {key!r}; it has {sorted(fields)[:20]}")
    fitted: dict[str, Value] = {}
    for key, field in fields.items():
        item = given.get(key)
        if item is None and field.required:
            raise ValueProblem(f"{kind}: field {key!r} ({field.type}) must be given")
        item = field.default if item is None else item
        if item is not None:
            where, wanted = f"{kind}, field {key!r}", parse_type(field.type)
            fitted[key] = _within(where, item, wanted, structs, masked=field.masked)
    return fitted


def _within(
    where: str, item: Value, wanted: Type, structs: Structs, *, masked: bool = False
) -> Value:
    try:
        return _fit(item, wanted, structs)
    except ValueProblem as problem:
        if masked:
            raise ValueProblem(f"{where}: it is not {wanted}") from None
        raise ValueProblem(f"{where}: {problem}") from problem


def _int(value: Value) -> Value:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() and INT_MIN <= value <= INT_MAX else None
    return value


def _double(value: Value) -> Value:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        return None
    return float(value) if isfinite(value) else None


def _bytes(value: Value) -> Value:
    if isinstance(value, bytes):
        return value
    return bytes_of(value) if isinstance(value, str) else None


def _of(kind: type) -> Callable[[Value], Value]:
    def fit(value: Value) -> Value:
        return value if isinstance(value, kind) else None

    return fit


def _of_text(read: Callable[[str], Value]) -> Callable[[Value], Value]:
    def fit(value: Value) -> Value:
        return read(value) if isinstance(value, str) else None

    return fit


_FIT: Final[dict[ValueType, Callable[[Value], Value]]] = {
    ValueType.INT: _int,
    ValueType.DOUBLE: _double,
    ValueType.BOOL: _of(bool),
    ValueType.STR: _of(str),
    ValueType.BYTES: _bytes,
    ValueType.JSON_OBJ: _of(dict),
    ValueType.JSON_ARR: _of(list),
    ValueType.TIMESTAMP: _of_text(timestamp),
    ValueType.WF_RUN_ID: _of_text(wf_run_id_of_text),
}

_READ_KEY: Final[dict[ValueType, Callable[[str], Value]]] = {
    ValueType.INT: int_of,
    ValueType.DOUBLE: double_of,
    ValueType.BOOL: bool_of,
    ValueType.STR: str,
    ValueType.BYTES: bytes_of,
    ValueType.TIMESTAMP: timestamp,
    ValueType.WF_RUN_ID: wf_run_id_of_text,
}
