"""Types, fields and docstrings as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec import inspect as types

from penstock.core.definitions.graph import NodeConfig
from penstock.core.values.expressions import Expression

_EXPRESSION: Final = frozenset(
    one.cls for one in types.type_info(Expression).types if isinstance(one, types.StructType)
)
_NODE: Final = "a node"
_SIMPLE: Final = {
    types.StrType: "text",
    types.BoolType: "true or false",
    types.AnyType: "any value",
    types.BytesType: "bytes",
    types.DateTimeType: "a time",
}


def paragraph(text: str | None) -> str:
    """A docstring as Markdown: its lines joined."""
    parts = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in parts)


def first_paragraph(text: str | None) -> str:
    """The first paragraph alone."""
    return paragraph(text).partition("\n\n")[0]


def upper(text: str) -> str:
    """With a capital."""
    return text[:1].upper() + text[1:]


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table; nothing if it has no rows."""
    lines = [_row(row) for row in rows]
    if not lines:
        return ""
    return "\n".join([_row(head), "|" + "---|" * len(head), *lines]) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def fields_table(kind: type[Struct], leave: frozenset[str] = frozenset()) -> str:
    """The fields of a Struct, but for some."""
    return table(
        ("field", "is", "if it is left out"),
        (
            (f"`{one.encode_name}`", type_text(one.type), default_text(one))
            for one in fields_of(kind)
            if one.encode_name not in leave
        ),
    )


def fields_of(kind: type[Struct]) -> tuple[types.Field, ...]:
    """The fields of a Struct."""
    found = types.type_info(kind)
    assert isinstance(found, types.StructType)
    return found.fields


def default_text(field: types.Field) -> str:
    """What a field is if it is left out."""
    if field.required:
        return "**required**"
    if field.default is NODEFAULT:
        return "none" if field.default_factory in (dict, list, tuple) else "see there"
    if field.default is None or field.default in ((), ""):
        return "none"
    return f"`{msgspec.json.encode(field.default).decode()}`"


def type_text(kind: types.Type) -> str:
    """A type in words."""
    simple = _SIMPLE.get(type(kind))
    if simple is not None:
        return simple
    match kind:
        case types.IntType() | types.FloatType():
            return _number(kind)
        case types.EnumType():
            return " ".join(f"`{one.value}`" for one in kind.cls)
        case types.LiteralType():
            return " ".join(f"`{one}`" for one in kind.values)
        case types.DictType():
            return f"{_plural(type_text(kind.value_type))} by name"
        case types.ListType() | types.VarTupleType() | types.SetType() | types.FrozenSetType():
            return f"a list: {type_text(kind.item_type)}"
        case types.UnionType():
            return _union(kind)
        case types.StructType():
            return f"[{kind.cls.__name__}](#{kind.cls.__name__.lower()})"
        case _:
            raise TypeError(f"no words for {kind}")


def _number(kind: types.IntType | types.FloatType) -> str:
    name = "a whole number" if isinstance(kind, types.IntType) else "a number"
    bounds = [f"from {kind.ge:,}"] if kind.ge is not None else []
    bounds += [f"to {kind.le:,}"] if kind.le is not None else []
    return " ".join([name, *bounds])


def _plural(text: str) -> str:
    return {"text": "texts", "any value": "values", _NODE: "nodes"}.get(text, text)


def _union(kind: types.UnionType) -> str:
    some = [one for one in kind.types if not isinstance(one, types.NoneType)]
    structs = {one.cls for one in some if isinstance(one, types.StructType)}
    words: list[str] = []
    if structs and all(issubclass(one, NodeConfig) for one in structs):
        return _NODE
    if structs >= _EXPRESSION:
        words.append("an [expression](../values.md#expressions)")
        some = [one for one in some if getattr(one, "cls", None) not in _EXPRESSION]
    return " or ".join([*words, *map(type_text, some)])


def parts_of(kinds: Iterable[type[Struct]], above: frozenset[type] = frozenset()) -> list[Any]:
    """The Structs that stand in fields of others, but for expressions, each once."""
    found: dict[type[Struct], None] = {}
    for kind in kinds:
        for one in _structs(types.type_info(kind)):
            if one not in above:
                found[one] = None
    return sorted(found, key=lambda one: one.__name__)


def _structs(kind: types.Type) -> Iterator[type[Struct]]:
    match kind:
        case types.StructType():
            if kind.cls not in _EXPRESSION:
                yield kind.cls
                for field in kind.fields:
                    yield from _structs(field.type)
        case types.UnionType():
            for one in kind.types:
                yield from _structs(one)
        case types.DictType():
            yield from _structs(kind.value_type)
        case types.ListType() | types.VarTupleType():
            yield from _structs(kind.item_type)
        case _:
            return


def links(text: str) -> str:
    """Documents that a text names are linked."""
    return re.sub(r"\bdocs/((?:\w+/)*[\w-]+\.md)", _link, text)


def _link(found: re.Match[str]) -> str:
    path = found[1]
    inside = path.removeprefix("reference/")
    return f"[{path}]({inside if inside != path else '../' + path})"
