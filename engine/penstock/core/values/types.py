"""Types of values. A type has one written form everywhere: in JSON, in Avro, in rows.

    INT DOUBLE BOOL STR BYTES JSON_OBJ JSON_ARR TIMESTAMP WF_RUN_ID
    ARRAY<T>    MAP<K,T>    STRUCT<name>        K is one of the simple types, T any type
    STRUCT{count?:INT,name:STR}                 a struct given in place; what has a ? may be absent

The form has no blanks and no aliases, and fields stand in order, so two types are equal when their
texts are. It is plain text where it stands in definitions, and parsed (and bounded) here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from penstock.core.limits import TYPE_CHARS_MAX, TYPE_DEPTH_MAX


class ValueProblem(Exception):
    """A value or a type does not fit: the message says which and why."""


class ValueTooLarge(ValueProblem):
    """A value has more bytes than one may have."""


class DefinitionMissing(ValueProblem):
    """It names a definition that is not registered, and may be later."""


class ValueType(StrEnum):
    """The types that have no parts of their own."""

    INT = "INT"
    DOUBLE = "DOUBLE"
    BOOL = "BOOL"
    STR = "STR"
    BYTES = "BYTES"
    JSON_OBJ = "JSON_OBJ"
    JSON_ARR = "JSON_ARR"
    TIMESTAMP = "TIMESTAMP"
    WF_RUN_ID = "WF_RUN_ID"


VOID: Final = "VOID"
"""What stands in the place of a type where there is no value at all; it is no type."""


TypeText = str
"""A type as it is written; `parse_type` reads it."""


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """ARRAY<item>."""

    item: Type

    def __str__(self) -> str:
        return f"ARRAY<{self.item}>"


@dataclass(frozen=True, slots=True)
class MapOf:
    """MAP<key,value>. In a value the keys are text, as `text_of` writes the key's type."""

    key: ValueType
    value: Type

    def __str__(self) -> str:
        return f"MAP<{self.key},{self.value}>"


@dataclass(frozen=True, slots=True)
class StructOf:
    """STRUCT<name>: the newest version of the StructDef of this name."""

    name: str

    def __str__(self) -> str:
        return f"STRUCT<{self.name}>"


class StructField(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A field of a StructDef. One that is not required may be left out; then it is `default`."""

    name: str
    type: TypeText
    required: bool = True
    default: Any = None
    masked: bool = False


@dataclass(frozen=True, slots=True)
class InlineStruct:
    """STRUCT{field:type,...}: a struct without a name. Its fields are sorted by name."""

    fields: tuple[StructField, ...]

    def __str__(self) -> str:
        fields = (f"{of.name}{'' if of.required else '?'}:{of.type}" for of in self.fields)
        return f"STRUCT{{{','.join(fields)}}}"


AnyStruct = StructOf | InlineStruct
Type = ValueType | ArrayOf | MapOf | AnyStruct
Structs = Callable[[str], "Mapping[str, StructField] | None"]
"""The fields of the StructDef of a name; None if there is none."""


def is_array(kind: Type) -> bool:
    """Whether values of the type have items."""
    return kind is ValueType.JSON_ARR or isinstance(kind, ArrayOf)


def no_structs(_: str) -> Mapping[str, StructField] | None:
    """There are no StructDefs."""
    return None


SIMPLE: Final = frozenset(
    {
        ValueType.INT,
        ValueType.DOUBLE,
        ValueType.BOOL,
        ValueType.STR,
        ValueType.BYTES,
        ValueType.TIMESTAMP,
        ValueType.WF_RUN_ID,
    }
)
"""Types whose values are one thing: they have a text form, and can be keys of a MAP."""

NUMBERS: Final = frozenset({ValueType.INT, ValueType.DOUBLE})

_NAMED: Final = {kind.value: kind for kind in ValueType}
_USE: Final = f"use {', '.join(_NAMED)}, ARRAY<T>, MAP<K,T>, STRUCT<name> or STRUCT{{field:T}}"
_STRUCT: Final = re.compile(r"STRUCT<([A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?)>")

_FIELD: Final = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_])?)(\??):(.*)")


@lru_cache(maxsize=4_096)
def parse_type(text: str) -> Type:
    """The type that a text stands for, or ValueProblem."""
    if len(text) > TYPE_CHARS_MAX:
        raise ValueProblem(f"a type may have {TYPE_CHARS_MAX} characters")
    return _parsed(text, text, TYPE_DEPTH_MAX)


def check_type(text: str, structs: Structs) -> Type:
    """The type, once it is known that every StructDef it names is there; else ValueProblem."""
    found = parse_type(text)
    for name in struct_names(found):
        if structs(name) is None:
            raise DefinitionMissing(f"StructDef {name!r} is not registered; register it first")
    return found


def struct_type(struct: str) -> AnyStruct:
    """The type of what a name of a StructDef, or fields in braces, stand for; or ValueProblem."""
    found = parse_type(f"STRUCT{struct}" if struct.startswith("{") else f"STRUCT<{struct}>")
    assert isinstance(found, AnyStruct), "nothing else is written so"
    return found


def struct_fields(kind: AnyStruct, structs: Structs) -> Mapping[str, StructField]:
    """The fields of a struct, or ValueProblem if there is no StructDef of its name."""
    if isinstance(kind, InlineStruct):
        return {field.name: field for field in kind.fields}
    found = structs(kind.name)
    if found is None:
        raise DefinitionMissing(f"there is no StructDef {kind.name!r}")
    return found


def struct_names(found: Type) -> Iterator[str]:
    """The names of StructDefs in a type."""
    match found:
        case ArrayOf(item):
            yield from struct_names(item)
        case MapOf(_, value):
            yield from struct_names(value)
        case StructOf(name):
            yield name
        case InlineStruct(fields):
            for field in fields:
                yield from struct_names(parse_type(field.type))
        case _:
            pass


def _parsed(text: str, whole: str, levels_left: int) -> Type:
    if text in _NAMED:
        return _NAMED[text]
    if levels_left == 0:
        raise ValueProblem(f"type {whole!r} is nested deeper than {TYPE_DEPTH_MAX} levels")
    if text.startswith("ARRAY<") and text.endswith(">"):
        return ArrayOf(_parsed(text[6:-1], whole, levels_left - 1))
    if text.startswith("MAP<") and text.endswith(">"):
        key, comma, value = text[4:-1].partition(",")
        if not comma or _NAMED.get(key) not in SIMPLE:
            raise ValueProblem(f"type {whole!r}: a MAP's key is one of {', '.join(sorted(SIMPLE))}")
        return MapOf(_NAMED[key], _parsed(value, whole, levels_left - 1))
    if text.startswith("STRUCT{") and text.endswith("}"):
        return _inline(text[7:-1], whole, levels_left - 1)
    struct = _STRUCT.fullmatch(text)
    if struct is None or ".." in text:
        shown = "" if text == whole else f" in {whole!r}"
        raise ValueProblem(f"{text!r}{shown} is no type; {_USE}")
    return StructOf(struct[1])


def _inline(text: str, whole: str, levels_left: int) -> InlineStruct:
    fields: dict[str, StructField] = {}
    for part in _split(text):
        found = _FIELD.fullmatch(part)
        if found is None or ".." in found[1]:
            raise ValueProblem(
                f"type {whole!r}: {part!r} is no field; write name:type, or name?:type if it may be"
                " absent"
            )
        name, optional, kind = found.groups()
        if name in fields:
            raise ValueProblem(f"type {whole!r}: field {name!r} is there twice")
        _parsed(kind, whole, levels_left)
        fields[name] = StructField(name, kind, required=not optional)
    made = InlineStruct(tuple(fields[name] for name in sorted(fields)))
    if list(fields) != sorted(fields):
        raise ValueProblem(f"type {whole!r}: fields stand in order; write {made}")
    return made


def _split(text: str) -> Iterator[str]:
    """The parts between the commas that stand in no brackets."""
    depth = start = 0
    for at, character in enumerate(text):
        depth += (character in "<{") - (character in ">}")
        if character == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]
