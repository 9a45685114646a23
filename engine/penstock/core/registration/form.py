"""What is wrong with the form of a value, in our own words: a library's may differ from one release
to the next, and a refusal is remembered in rows (I1).

Reads the types as msgspec sees them, and judges as its conversion does. It is asked only when that
has refused a value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, cast

import msgspec.inspect as seen

from penstock.core.values.value import type_name

OTHERWISE: Final = "it has not the form that it should have"
SHOWN_CHARS_MAX: Final = 60


def form_fault(value: Any, kind: type) -> str:
    """The first fault, with the path to it."""
    return _fault(value, _type_of(kind), "$") or OTHERWISE


@lru_cache(maxsize=64)
def _type_of(kind: type) -> seen.Type:
    return seen.type_info(kind)


def _fault(value: Any, wanted: seen.Type, path: str) -> str | None:
    judge = _JUDGES.get(type(wanted))
    return None if judge is None else judge(value, wanted, path)


def _struct(value: Any, wanted: seen.StructType, path: str) -> str | None:
    if not isinstance(value, dict):
        return f"{path}: an object is expected, not {_shown(value)}"
    given = cast("dict[str, Any]", value)
    known = {field.encode_name: field for field in wanted.fields}
    for name, field in known.items():
        if name not in given:
            if field.required:
                return f"{path}: {name!r} is missing"
        elif (fault := _fault(given[name], field.type, f"{path}.{name}")) is not None:
            return fault
    extra = sorted(str(name) for name in given if name not in known and name != wanted.tag_field)
    if extra and wanted.forbid_unknown_fields:
        return f"{path}: there is no field {_shown(extra[0])}; there are {sorted(known)}"
    return None


def _union(value: Any, wanted: seen.UnionType, path: str) -> str | None:
    if value is None and any(isinstance(one, seen.NoneType) for one in wanted.types):
        return None
    structs = [one for one in wanted.types if isinstance(one, seen.StructType)]
    tag_field = structs[0].tag_field if structs else None
    if tag_field is not None and isinstance(value, dict):
        return _tagged(cast("dict[str, Any]", value), structs, tag_field, path)
    faults = [
        _fault(value, one, path) for one in wanted.types if not isinstance(one, seen.NoneType)
    ]
    return None if None in faults else faults[0]


def _tagged(
    value: dict[str, Any], structs: list[seen.StructType], tag_field: str, path: str
) -> str | None:
    if tag_field not in value:
        return f"{path}: {tag_field!r} is missing"
    tag = value[tag_field]
    for one in structs:
        if one.tag == tag:
            return _struct(value, one, path)
    known = sorted(str(one.tag) for one in structs)
    return f"{path}.{tag_field}: {_shown(tag)} is none of {known}"


def _dict(value: Any, wanted: seen.DictType, path: str) -> str | None:
    if not isinstance(value, dict):
        return f"{path}: an object is expected, not {_shown(value)}"
    for name, item in cast("dict[str, Any]", value).items():
        fault = _fault(item, wanted.value_type, f"{path}.{name}")
        if fault is not None:
            return fault
    return None


def _list(value: Any, wanted: seen.VarTupleType, path: str) -> str | None:
    if not isinstance(value, list):
        return f"{path}: an array is expected, not {_shown(value)}"
    for number, item in enumerate(cast("list[Any]", value)):
        fault = _fault(item, wanted.item_type, f"{path}[{number}]")
        if fault is not None:
            return fault
    return None


def _text(value: Any, wanted: seen.StrType, path: str) -> str | None:
    return None if isinstance(value, str) else f"{path}: a text is expected, not {_shown(value)}"


def _bool(value: Any, wanted: seen.BoolType, path: str) -> str | None:
    if isinstance(value, bool):
        return None
    return f"{path}: true or false is expected, not {_shown(value)}"


def _number(value: Any, wanted: seen.IntType | seen.FloatType, path: str) -> str | None:
    whole = isinstance(wanted, seen.IntType)
    fits = isinstance(value, int) or (
        isinstance(value, float) and (not whole or value.is_integer())
    )
    if not fits or isinstance(value, bool):
        what = "a whole number" if whole else "a number"
        return f"{path}: {what} is expected, not {_shown(value)}"
    if wanted.ge is not None and value < wanted.ge:
        return f"{path}: {value} is below {wanted.ge}"
    if wanted.le is not None and value > wanted.le:
        return f"{path}: {value} is above {wanted.le}"
    return None


def _enum(value: Any, wanted: seen.EnumType, path: str) -> str | None:
    known = [str(one.value) for one in wanted.cls]
    return None if value in known else f"{path}: {_shown(value)} is none of {sorted(known)}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value[:SHOWN_CHARS_MAX])
    return type_name(value)


_JUDGES: Final[dict[type[seen.Type], Callable[[Any, Any, str], str | None]]] = {
    seen.StructType: _struct,
    seen.UnionType: _union,
    seen.DictType: _dict,
    seen.VarTupleType: _list,
    seen.StrType: _text,
    seen.BoolType: _bool,
    seen.IntType: _number,
    seen.FloatType: _number,
    seen.EnumType: _enum,
}
