"""Values of variables, task inputs and outputs: their types, what fits a type, and how large they
may be.

In the core a value is plain data: None, bool, int, float, str, bytes, list, dict. On the wire it is
JSON; the declared type says how to read it (BYTES are base64 text there). Rows keep dict keys
sorted, so equal values are equal bytes.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from enum import StrEnum
from math import isfinite
from typing import Any, Final, cast

import msgspec

from penstock.core.limits import INT_MAX, INT_MIN, JSON_DEPTH_MAX, VALUE_BYTES_MAX

Value = Any
"""None, bool, int, float, str, bytes, list or dict of them."""


class ValueType(StrEnum):
    """The declared type of a variable, an input or an output."""

    INT = "INT"
    DOUBLE = "DOUBLE"
    BOOL = "BOOL"
    STR = "STR"
    BYTES = "BYTES"
    JSON_OBJ = "JSON_OBJ"
    JSON_ARR = "JSON_ARR"


class ValueProblem(Exception):
    """A value does not fit: the message says which and why."""


_ENCODER: Final = msgspec.msgpack.Encoder(order="deterministic")
encode_value = _ENCODER.encode
"""Canonical bytes of a value: equal values give equal bytes."""


def value_bytes(value: Value) -> int:
    """The size of a value, as it is accounted for."""
    return len(encode_value(value))


def coerce(value: Value, declared: ValueType) -> Value:
    """The value as the declared type has it (null fits every type), or ValueProblem."""
    if value is None:
        return None
    fitted = _FIT[declared](value)
    if fitted is None:
        raise ValueProblem(f"{_shown(value)} is not {declared}")
    check_bounds(fitted)
    return fitted


def check_bounds(value: Value) -> None:
    """Raise ValueProblem if a value is too deep or too large, or no value at all."""
    if isinstance(value, (list, dict)):
        check_depth(cast(Any, value))
    elif isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        raise ValueProblem("an integer must fit in 64 bits, signed")
    size = value_bytes(value)
    if size > VALUE_BYTES_MAX:
        raise ValueProblem(f"{size} bytes: a value may have at most {VALUE_BYTES_MAX}")


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
    if not isinstance(value, str):
        return None
    try:
        return a2b_base64(value, strict_mode=True)
    except (Base64Error, ValueError):
        return None


def _of(kind: type) -> Callable[[Value], Value]:
    def fit(value: Value) -> Value:
        return value if isinstance(value, kind) else None

    return fit


_FIT: Final[dict[ValueType, Callable[[Value], Value]]] = {
    ValueType.INT: _int,
    ValueType.DOUBLE: _double,
    ValueType.BOOL: _of(bool),
    ValueType.STR: _of(str),
    ValueType.BYTES: _bytes,
    ValueType.JSON_OBJ: _of(dict),
    ValueType.JSON_ARR: _of(list),
}


def _shown(value: Value) -> str:
    text = repr(value)
    return f"{type_name(value)} {text if len(text) <= 60 else text[:57] + '...'}"
