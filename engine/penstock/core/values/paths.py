"""The bounded path language into values: `$`, `.name`, `[3]`, `["any name"]`. No wildcards, no
scripts.

Reading: what is not there is null, and [-1] is the last item; only into a typed ARRAY an index must
be there. Writing: the last step may make a new
key; every step before it must lead to something that is there.
"""

import re
from functools import lru_cache
from typing import Any, Final, cast

from penstock.core.limits import JSON_DEPTH_MAX
from penstock.core.values.types import (
    AnyStruct,
    ArrayOf,
    InlineStruct,
    MapOf,
    StructOf,
    Structs,
    Type,
    ValueProblem,
    ValueType,
    no_structs,
    parse_type,
    struct_fields,
)
from penstock.core.values.value import Value, map_key, type_name

_STEP: Final = re.compile(r"""\.([A-Za-z_][A-Za-z0-9_-]*)|\[(-?\d{1,9})\]|\["([^"\\]{1,256})"\]""")


@lru_cache(maxsize=4_096)
def parse_path(path: str) -> tuple[str | int, ...]:
    """The steps of a path, or ValueProblem if it is not one."""
    if not path.startswith("$"):
        raise ValueProblem(f"path {path!r} must begin with '$'")
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or len(steps) == JSON_DEPTH_MAX:
            raise ValueProblem(
                f'path {path!r}: expected .name, [number] or ["name"] at character {at + 1}'
            )
        name, index, quoted = match.groups()
        steps.append(int(index) if index is not None else name or quoted)
        at = match.end()
    return tuple(steps)


def leading_path(text: str) -> str:
    """The longest path with which a text begins."""
    at = 1
    while (match := _STEP.match(text, at)) is not None:
        at = match.end()
    return text[:at]


def follow_path(
    value: Value, path: str, declared: Type | None = None, structs: Structs = no_structs
) -> Value:
    """What a path leads to; a missing key or index is null, a step into anything but an object or
    array an error. Where the value's type says ARRAY, the index must be there.
    """
    at, kind = value, declared
    for step in parse_path(path):
        if at is None:
            return None
        if isinstance(kind, ArrayOf) and isinstance(step, int) and isinstance(at, list):
            _check_index(cast("list[Value]", at), step, path)
        at = _child(at, step, path)
        kind = None if kind is None else _step_type(kind, step, path, structs)
    return at


def put_at(value: Value, path: str, new: Value) -> Value:
    """A copy of the value with another one at the end of a path; what is not on the way is shared.
    ValueProblem if an object or array on the way is missing, or an index is out of range.
    """
    steps = parse_path(path)
    return _put(value, steps, new, path) if steps else new


def _put(value: Value, steps: tuple[str | int, ...], new: Value, path: str) -> Value:
    step, rest = steps[0], steps[1:]
    if value is None:
        raise ValueProblem(f"path {path!r}: there is nothing that {step!r} could be put into")
    child = _child(value, step, path)
    item = _put(child, rest, new, path) if rest else new
    if isinstance(step, str):
        return {**cast("dict[str, Value]", value), step: item}
    items = list(cast("list[Value]", value))
    _check_index(items, step % len(items) if -len(items) <= step < 0 else step, path)
    items[step] = item
    return items


def _check_index(items: list[Value], index: int, path: str) -> None:
    if not 0 <= index < len(items):
        raise ValueProblem(f"path {path!r}: index {index} is not there; it has {len(items)} items")


def _child(value: Value, step: str | int, path: str) -> Value:
    if isinstance(step, str) and isinstance(value, dict):
        return cast("dict[str, Any]", value).get(step)
    if isinstance(step, int) and isinstance(value, list):
        items = cast("list[Any]", value)
        return items[step] if -len(items) <= step < len(items) else None
    raise ValueProblem(f"path {path!r}: {step!r} can not be looked up in {type_name(value)}")


def path_type(declared: Type, path: str, structs: Structs) -> Type | None:
    """The type of what a path leads to in a value of a type; None below JSON, where only the run
    will tell. ValueProblem for a step that can never be.
    """
    at: Type = declared
    for step in parse_path(path):
        found = _step_type(at, step, path, structs)
        if found is None:
            return None
        at = found
    return at


def passes_masked(declared: Type, path: str, structs: Structs) -> bool:
    """Whether a path leads to a masked field of a struct, or through one."""
    at: Type | None = declared
    for step in parse_path(path):
        if isinstance(at, AnyStruct) and isinstance(step, str):
            field = struct_fields(at, structs).get(step)
            if field is None or field.masked:
                return field is not None
        at = None if at is None else _step_type(at, step, path, structs)
    return False


def _step_type(at: Type, step: str | int, path: str, structs: Structs) -> Type | None:
    match at, step:
        case (ValueType.JSON_OBJ, str()) | (ValueType.JSON_ARR, int()):
            return None
        case ArrayOf(item), int():
            if step < 0:
                raise ValueProblem(f"path {path!r}: an index into {at} may not be negative")
            return item
        case MapOf(key_type, value), str():
            if map_key(step, key_type) != step:
                raise ValueProblem(
                    f"path {path!r}: write the key {step!r} as {map_key(step, key_type)!r}"
                )
            return value
        case ((StructOf() | InlineStruct()), str()):
            fields = struct_fields(at, structs)
            if step not in fields:
                raise ValueProblem(
                    f"path {path!r}: {at} has no field {step!r}; it has {sorted(fields)[:20]}"
                )
            return parse_type(fields[step].type)
        case _:
            raise ValueProblem(f"path {path!r}: {step!r} can not be looked up in {at}")
