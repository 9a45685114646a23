"""Type hints of functions as types of values, and values on their way between Python and JSON.

int INT, float DOUBLE, bool BOOL, str STR, bytes BYTES; dict, dataclass, msgspec.Struct, TypedDict
and a model of pydantic's JSON_OBJ; list and tuple JSON_ARR; `X | None` is X (null fits every type);
an Enum or a Literal is the type of its values, and a RootModel that of its root.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from math import isfinite
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import msgspec

from penstock.core.values.types import ValueProblem, ValueType
from penstock.core.values.value import check_bounds, coerce
from penstock.sdk.models import ModelProblem, made_of, model_of, names_in_json, plain_of, root_hint

_PLAIN: Final[dict[Any, ValueType]] = {
    int: ValueType.INT,
    float: ValueType.DOUBLE,
    bool: ValueType.BOOL,
    str: ValueType.STR,
    bytes: ValueType.BYTES,
    dict: ValueType.JSON_OBJ,
    Mapping: ValueType.JSON_OBJ,
    list: ValueType.JSON_ARR,
    tuple: ValueType.JSON_ARR,
    Sequence: ValueType.JSON_ARR,
}
SUPPORTED: Final = (
    "int, float, bool, str, bytes, dict, list, a dataclass, a msgspec.Struct, a TypedDict or a"
    " pydantic model"
)
UNKNOWN: Final = object()
"""The hint of something about which nothing is known."""


class UnsupportedHint(Exception):
    """This hint has no type of value."""


def type_of_hint(hint: Any) -> ValueType:
    """The type of value of a hint, or UnsupportedHint."""
    _check_models(hint, set())
    bare = _bare(hint)
    origin = get_origin(bare) or bare
    found = _PLAIN.get(origin) if _hashable(origin) else None
    if found is None and origin is Literal:
        found = _one_type({type(item) for item in get_args(bare)})
    elif found is None and isinstance(origin, type):
        if issubclass(origin, Enum):
            found = _one_type({type(item.value) for item in origin})
        elif fields_of(origin) is not None:
            found = ValueType.JSON_ARR if _array_like(hint) else ValueType.JSON_OBJ
    if found is None:
        raise UnsupportedHint(f"{shown(hint)} is no type of value; use {SUPPORTED}")
    return found


def type_of_return(hint: Any) -> ValueType | None:
    """The type of what a function returns: none for `None`, `Any` and no hint at all."""
    return None if hint in (None, type(None), Any, UNKNOWN) else type_of_hint(hint)


def fields_of(hint: Any) -> dict[str, Any] | None:
    """The fields of a dataclass, a Struct, a TypedDict or a model, as JSON names them, with their
    hints; else None.
    """
    bare = _class(hint)
    if bare is None:
        return None
    if issubclass(bare, msgspec.Struct):
        return {field.encode_name: field.type for field in msgspec.structs.fields(bare)}
    if dataclasses.is_dataclass(bare) or is_typeddict(bare):
        return get_type_hints(bare, include_extras=True)
    model = model_of(bare)
    if model is not None:
        names = names_in_json(model)
        return {names[name]: field.annotation for name, field in model.model_fields.items()}
    return None


def json_name(hint: Any, attribute: str) -> str:
    """How JSON names what Python reads as an attribute."""
    bare = _class(hint)
    if bare is not None and issubclass(bare, msgspec.Struct):
        for field in msgspec.structs.fields(bare):
            if field.name == attribute:
                return field.encode_name
    model = model_of(bare)
    return attribute if model is None else names_in_json(model).get(attribute, attribute)


def allows_none(hint: Any) -> bool:
    """Whether a value of this hint may be None."""
    if get_origin(hint) is Annotated:
        return allows_none(get_args(hint)[0])
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def item_hint(hint: Any, step: str | int) -> Any:
    """The hint of what lies one step below; UNKNOWN where the hint does not say."""
    fields = fields_of(hint)
    if fields is not None:
        return fields.get(step, UNKNOWN) if isinstance(step, str) else UNKNOWN
    bare = _bare(hint)
    origin, args = get_origin(bare), get_args(bare)
    if origin in (dict, Mapping) and isinstance(step, str):
        return args[1] if args[1] is not Any else UNKNOWN
    if origin in (list, Sequence) and isinstance(step, int):
        return args[0] if args[0] is not Any else UNKNOWN
    return UNKNOWN


def to_json(value: Any, declared: str | None, hint: Any = UNKNOWN) -> Any:
    """A value of Python as plain data that JSON can carry (bytes stay bytes), or ValueProblem."""
    plain = cast("type[Any]", type(value))
    if plain is str or plain is int or plain is bool or plain is float or plain is bytes:
        made = value
    elif value is None:
        return None
    else:
        try:
            made = _listed(
                msgspec.to_builtins(value, str_keys=True, builtin_types=(bytes,), enc_hook=plain_of)
            )
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueProblem(f"{plain.__name__} can not be made JSON: {error}") from error
        if hint is not UNKNOWN and fields_of(hint) is not None:
            from_json(made, hint)
    return _fitted(made, declared)


def from_json(value: Any, hint: Any) -> Any:
    """Plain data as the hint says, or ValueProblem."""
    if hint is UNKNOWN:
        return value
    try:
        return msgspec.convert(value, hint, dec_hook=made_of)
    except (msgspec.ValidationError, TypeError) as error:
        raise ValueProblem(str(error)) from error


def shown(hint: Any) -> str:
    """A hint as people write it."""
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)


def _check_models(hint: Any, seen: set[int]) -> None:
    """Refuse a hint in which a model stands that can not be made of its own JSON."""
    if id(hint) in seen:
        return
    seen.add(id(hint))
    try:
        fields = fields_of(hint)
    except ModelProblem as problem:
        raise UnsupportedHint(str(problem)) from None
    except NameError:  # a name that is not there yet: what it stands for is looked at in its use
        fields = None
    for part in (*get_args(hint), *(fields or {}).values()):
        _check_models(part, seen)


def _listed(value: Any) -> Any:
    """Tuples as lists, which JSON has instead."""
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_listed(item) for item in cast("list[Any]", value)]
    return value


def _fitted(value: Any, declared: str | None) -> Any:
    if declared is not None:
        return coerce(value, declared)
    if isinstance(value, float) and not isfinite(value):
        raise ValueProblem("NaN and infinity are not values")
    check_bounds(value)
    return value


def _bare(hint: Any) -> Any:
    """Without Annotated and without `| None`; of a RootModel its root."""
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        others = [item for item in get_args(hint) if item is not type(None)]
        if len(others) == 1:
            return _bare(others[0])
    root = root_hint(hint)
    return hint if root is None else _bare(root)


def _class(hint: Any) -> type[Any] | None:
    bare = _bare(hint)
    return cast("type[Any]", bare) if isinstance(bare, type) else None


def _array_like(hint: Any) -> bool:
    kind = _class(hint)
    if kind is None or not issubclass(kind, msgspec.Struct):
        return False
    return bool(kind.__struct_config__.array_like)


def _one_type(kinds: set[type]) -> ValueType | None:
    return _PLAIN.get(next(iter(kinds))) if len(kinds) == 1 else None


def _hashable(item: Any) -> bool:
    return cast(Any, type(item)).__hash__ is not None
