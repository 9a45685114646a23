"""Avro schemas made from Structs, and the plans by which values of a Struct become an Avro record
and come back.

The mapping is small on purpose, and no schema is recursive: text, numbers, bytes, optional ones of
these, text maps, arrays of flat records, and `Value`, which travels as JSON bytes
(docs/protocol.md).
"""

from __future__ import annotations

import types
from base64 import b64encode
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any, Final, Union, cast, get_args, get_origin, get_type_hints

import msgspec
import orjson
from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from penstock.core.limits import JSON_DEPTH_MAX
from penstock.core.values.value import check_depth

Schema = dict[str, Any]
Convert = Callable[[Any], Any]

_PRIMITIVES: Final[dict[Any, str]] = {
    str: "string",
    bool: "boolean",
    int: "long",
    float: "double",
    bytes: "bytes",
}
_JSON_DOC: Final = "JSON, UTF-8"


def dump_json(value: Any) -> bytes:
    """A value as JSON: keys sorted, so that equal values are equal bytes; BYTES as base64."""
    return orjson.dumps(value, default=_base64, option=orjson.OPT_SORT_KEYS)


def load_json(data: bytes) -> Any:
    """A value from JSON, with the keys of objects sorted, as they are when a row is read back: what
    is made of a value may not depend on where it was kept (I1). Not let in is what is nested too
    deep: it could not be let out."""
    value: Any = orjson.loads(data)
    if not isinstance(value, (dict, list)):
        return value
    if data.count(b"[") + data.count(b"{") > JSON_DEPTH_MAX:
        check_depth(cast(Any, value))
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def record_schema(
    kind: type[Struct], *, name: str, namespace: str, ahead: Mapping[str, Any]
) -> Schema:
    """The Avro record of a Struct; the fields of `ahead` (name -> type) come first."""
    types_of = get_type_hints(kind, include_extras=True)
    infos = {info.encode_name: info for info in fields(kind)}
    first = [_field(field, wanted, None) for field, wanted in ahead.items()]
    rest = [_field(field, types_of[info.name], info) for field, info in infos.items()]
    return {
        "type": "record",
        "name": name,
        "namespace": namespace,
        "doc": " ".join((kind.__doc__ or "").split()),
        "fields": first + rest,
    }


def _field(name: str, wanted: Any, info: FieldInfo | None) -> Schema:
    field: Schema = {"name": name, "type": _type(wanted)}
    if _is_value(wanted) or _is_value_map(wanted):
        field["doc"] = _JSON_DOC
    default = _default(wanted, info)
    if default is not msgspec.NODEFAULT:
        field["default"] = default
    return field


def _default(wanted: Any, info: FieldInfo | None) -> Any:
    if info is None:
        return None if _optional(wanted) is not None else msgspec.NODEFAULT
    default = info.default
    if info.default_factory is not msgspec.NODEFAULT:
        default = cast(Callable[[], Any], info.default_factory)()
    if _is_value(wanted) and default is None:
        return "null"
    if isinstance(default, Enum):
        return default.value
    if isinstance(default, bytes):
        return default.decode("latin-1")
    return [] if default == () else default


def _type(wanted: Any) -> Any:
    wanted = _plain(wanted)
    if _is_value(wanted):
        return "bytes"
    inner = _optional(wanted)
    if inner is not None:
        return ["null", _type(inner)]
    if wanted in _PRIMITIVES:
        return _PRIMITIVES[wanted]
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return "string"
    if get_origin(wanted) is dict:
        return {"type": "map", "values": _type(get_args(wanted)[1])}
    if get_origin(wanted) is tuple:
        return {"type": "array", "items": _type(get_args(wanted)[0])}
    if isinstance(wanted, type) and issubclass(wanted, Struct):
        types_of = get_type_hints(wanted)
        return {
            "type": "record",
            "name": wanted.__name__,
            "fields": [
                _field(info.encode_name, types_of[info.name], info) for info in fields(wanted)
            ],
        }
    raise TypeError(f"{wanted} has no Avro type here")


def conversions(kind: type[Struct]) -> tuple[dict[str, Convert], dict[str, Convert]]:
    """What must be done to which fields on the way to Avro, and on the way back."""
    types_of = get_type_hints(kind, include_extras=True)
    out: dict[str, Convert] = {}
    back: dict[str, Convert] = {}
    for info in fields(kind):
        wanted = _plain(types_of[info.name])
        if _is_value(wanted):
            out[info.name], back[info.name] = dump_json, load_json
        elif _is_value_map(wanted):
            out[info.name], back[info.name] = _dump_map, _load_map
        elif _holds_structs(wanted):
            out[info.name] = msgspec.to_builtins
    return out, back


def _dump_map(values: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: dump_json(value) for name, value in sorted(values.items())}


def _load_map(values: Mapping[str, bytes]) -> dict[str, Any]:
    return {name: load_json(value) for name, value in values.items()}


def _plain(wanted: Any) -> Any:
    return get_args(wanted)[0] if get_origin(wanted) is Annotated else wanted


def _optional(wanted: Any) -> Any:
    """X of `X | None`, else None."""
    if get_origin(wanted) not in (Union, types.UnionType):
        return None
    others = [item for item in get_args(wanted) if item is not type(None)]
    return others[0] if len(others) == 1 else None


def _holds_structs(wanted: Any) -> bool:
    """Whether it is an array of records, or a record, which may be left out or not."""
    inner = get_args(wanted)[0] if get_origin(wanted) is tuple else _optional(wanted) or wanted
    return isinstance(inner, type) and issubclass(inner, Struct)


def _is_value(wanted: Any) -> bool:
    return _plain(wanted) is Any


def _is_value_map(wanted: Any) -> bool:
    return get_origin(wanted) is dict and get_args(wanted)[1] is Any


def _base64(value: Any) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is not a value")
