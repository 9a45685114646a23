"""Parameters of a query by a table of filters (contracts/filters.py): what a route says of them,
and what a request asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import EnumType
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

from msgspec import Meta
from starlette.datastructures import QueryParams

from penstock.contracts.answers.common import Time
from penstock.core.limits import INT_MAX
from penstock.core.values.timestamps import timestamp_ms
from penstock.core.values.types import ValueProblem
from penstock.gateway.errors import bad_request
from penstock.gateway.says import Param

_NUMBER: Final = re.compile(f"[0-9]{{1,{len(str(INT_MAX))}}}")
_TRUTHS: Final = {"true": True, "false": False}


def params_of(*tables: type) -> tuple[Param, ...]:
    """The parameters that tables stand for."""
    return tuple(
        Param(name, _told(kind), about)
        for table in tables
        for name, (kind, about) in _fields(table).items()
    )


def filters_in(params: QueryParams, table: type) -> dict[str, Any]:
    """What a query asks for of a table, as far as it does: several as a tuple, a time in ms."""
    fields = _fields(table)
    return {name: _read(params, name, fields[name][0]) for name in fields if name in params}


def time_param(params: QueryParams, name: str) -> int | None:
    """A time among the parameters of a query."""
    text = params.get(name)
    try:
        return None if text is None else timestamp_ms(text)
    except ValueProblem as problem:
        raise bad_request(f"parameter `{name}`: {problem}") from problem


def whole_number(name: str, text: str, *, low: int, high: int) -> int:
    """A whole number as a parameter of a query has it; `high` is INT_MAX at most."""
    if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise bad_request(f"parameter `{name}` must be a whole number from {low} to {high}")
    return int(text)


def one_of(name: str, text: str, known: Iterable[str]) -> str:
    """One of some names: a wrong word would else find nothing, as if nothing were there."""
    names = [str(one) for one in known]
    if text not in names:
        raise bad_request(f"parameter `{name}` must be one of {', '.join(names)}")
    return text


def pairs_of(name: str, texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """What is given as <key>:<value>, each."""
    pairs = [text.partition(":") for text in texts]
    if not all(colon for _, colon, _ in pairs):
        raise bad_request(f"parameter `{name}` must be <key>:<value>")
    return tuple((key, value) for key, _, value in pairs)


def _fields(table: type) -> dict[str, tuple[Any, str]]:
    """The fields of a table: the type of each, and what is said of it."""
    hints = get_type_hints(table, include_extras=True)
    return {name: get_args(hint)[:2] for name, hint in hints.items()}


def _told(kind: Any) -> Any:
    """The type that a parameter has in the document."""
    if kind is datetime:
        return Time
    if kind is int:
        return Annotated[int, Meta(ge=0, le=INT_MAX)]
    if get_origin(kind) is Sequence:
        item: Any = _one_of_several(kind)
        return list[item]
    return kind


def _one_of_several(kind: Any) -> Any:
    """The type of an item: of a name that code may also give as text, that of the name."""
    (item,) = get_args(kind)
    if get_origin(item) in (Union, UnionType):
        return next(one for one in get_args(item) if one is not str)
    return item


def _read(params: QueryParams, name: str, kind: Any) -> Any:
    if get_origin(kind) is Sequence:
        item = _one_of_several(kind)
        return tuple(_checked(name, text, item) for text in params.getlist(name))
    text = params[name]
    if kind is datetime:
        return time_param(params, name)
    if kind is bool:
        if text not in _TRUTHS:
            raise bad_request(f"parameter `{name}` must be true or false")
        return _TRUTHS[text]
    if kind is int:
        return whole_number(name, text, low=0, high=INT_MAX)
    return _checked(name, text, kind)


def _checked(name: str, text: str, kind: Any) -> str:
    """A text, or one of some names."""
    known = get_args(kind) if get_origin(kind) is Literal else ()
    if isinstance(kind, EnumType):
        known = tuple(cast("Any", kind))
    return one_of(name, text, known) if known else text
