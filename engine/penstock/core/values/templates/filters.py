"""Filters: `value | name(args)`. Those that people use in flows; each is pure and bounded."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import md5, sha1, sha256, sha512
from typing import Any, Final, cast

from penstock.core.limits import VALUE_BYTES_MAX
from penstock.core.values.operations import size_of
from penstock.core.values.templates.dates import ISO, formatted, instant_ms, moved
from penstock.core.values.templates.operators import (
    array,
    contains,
    equal,
    number,
    text,
    whole_number,
)
from penstock.core.values.templates.params import Called
from penstock.core.values.texts import bytes_of, json_text
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, type_name

_UNRESERVED: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
)
_HEX_BYTE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")


def _one(work: Callable[[Value], Value]) -> Called:
    """A filter without arguments."""
    return Called(work)


def _two(name: str, work: Callable[[Value, Value], Value]) -> Called:
    """A filter with one argument, which must be given."""
    return Called(work, (name,), 1)


def _of_text(work: Callable[[str], Value]) -> Called:
    return _one(lambda value: work(text(value)))


def _object(value: Value, what: str) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise ValueProblem(f"{what} wants an object, not {type_name(value)}")
    return cast("dict[str, Value]", value)


def _first(value: Value) -> Value:
    return value[:1] if isinstance(value, str) else next(iter(array(value, "first")), None)


def _last(value: Value) -> Value:
    if isinstance(value, str):
        return value[-1:]
    items = array(value, "last")
    return items[-1] if items else None


def _slice(value: Value, fromIndex: Value = 0, toIndex: Value = None) -> Value:
    first = whole_number(fromIndex, "slice")
    last = None if toIndex is None else whole_number(toIndex, "slice")
    return value[first:last] if isinstance(value, str) else array(value, "slice")[first:last]


def _sorted(value: Value, *, reverse: bool) -> list[Value]:
    items = array(value, "sort")
    kinds = {str if isinstance(item, str) else float for item in items}
    if len(kinds) > 1 or (kinds == {float} and any(isinstance(i, bool) for i in items)):
        raise ValueProblem("sort wants an array of numbers or one of texts")
    if kinds == {float}:
        return sorted(items, key=lambda item: number(item, "sort"), reverse=reverse)
    return sorted(items, reverse=reverse)


def _distinct(value: Value) -> list[Value]:
    found: dict[str, Value] = {}
    for item in array(value, "distinct"):
        found.setdefault(json_text(item), item)
    return list(found.values())


def _flat(value: Value) -> list[Value]:
    found: list[Value] = []
    for item in array(value, "flatten"):
        found += cast("list[Value]", item) if isinstance(item, list) else [item]
    return found


def _chunked(value: Value, size: Value) -> list[Value]:
    items, count = array(value, "chunk"), whole_number(size, "chunk")
    if count < 1:
        raise ValueProblem("chunk wants a size of 1 or more")
    return [items[at : at + count] for at in range(0, len(items), count)]


def _merge(value: Value, other: Value) -> Value:
    if isinstance(value, list):
        return [*cast("list[Value]", value), *array(other, "merge")]
    return {**_object(value, "merge"), **_object(other, "merge")}


def _reversed(value: Value) -> Value:
    return value[::-1] if isinstance(value, str) else array(value, "reverse")[::-1]


def _replace(value: Value, replace_pairs: Value, regexp: Value = False) -> str:
    made = text(value)
    if regexp:
        raise ValueProblem("replace with regexp=true is not offered: its time can not be bounded")
    for old, new in _object(replace_pairs, "replace").items():
        if old:
            made = bounded(made.count(old) * max(len(text(new)) - len(old), 0) + len(made), made)
            made = made.replace(old, text(new))
    return made


def bounded(size: int, value: Any) -> Any:
    """The value, unless what is to be made of it is larger than a value may be."""
    if size > VALUE_BYTES_MAX:
        raise ValueProblem(f"a template may make at most {VALUE_BYTES_MAX} bytes")
    return value


def _joined(value: Value, separator: Value = "") -> str:
    between = text(separator)
    parts = [text(item) for item in array(value, "join")]
    bounded(sum(map(len, parts)) + len(between) * len(parts), None)
    return between.join(parts)


def _split(value: Value, delimiter: Value, limit: Value = None) -> list[Value]:
    between = text(delimiter)
    if not between:
        return list(text(value))
    count = -1 if limit is None else whole_number(limit, "split") - 1
    return [*text(value).split(between, count)]


def _abbreviated(value: Value, length: Value) -> str:
    found, most = text(value), whole_number(length, "abbreviate")
    return found if len(found) <= most else found[: max(most - 3, 0)] + "..."


def _indented(value: Value, amount: Value = 2, *, first: bool) -> str:
    count = min(max(whole_number(amount, "indent"), 0), 200)
    lines = bounded(text(value).count("\n") * count + len(text(value)), text(value)).split("\n")
    lead = " " * count
    return (lead if first else "") + ("\n" + lead).join(lines)


def _substring(*, after: bool, last: bool) -> Called:
    def work(value: Value, separator: Value) -> str:
        found, between = text(value), text(separator)
        head, sign, tail = found.rpartition(between) if last else found.partition(between)
        if not sign:
            return "" if after else found
        return tail if after else head

    return Called(work, ("separator",), 1)


def _escaped(value: Value) -> str:
    return "".join(
        chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text(value).encode()
    )


def _unescaped(value: Value) -> str:
    plain = text(value).replace("+", " ").encode()
    made = _HEX_BYTE.sub(lambda match: bytes([int(match[1], 16)]), plain)
    try:
        return made.decode()
    except UnicodeDecodeError as error:
        raise ValueProblem("urldecode: it is no UTF-8") from error


def _from_base64(value: Value) -> str:
    try:
        return bytes_of(text(value)).decode()
    except UnicodeDecodeError as error:
        raise ValueProblem("base64decode: it is no UTF-8") from error


def _number_format(value: Value, format: Value = "0.###") -> str:
    """A pattern such as `#,##0.00`."""
    pattern = text(format)
    whole, _, fraction = pattern.partition(".")
    if set(pattern) - set("#0,.") or len(pattern) > 40:
        raise ValueProblem(f"numberFormat {pattern[:40]!r}: use a pattern such as #,##0.00")
    exact = Decimal(text(number(value, "numberFormat")))
    if abs(exact) >= 10**20 or len(fraction) > 5:
        raise ValueProblem("numberFormat writes numbers below 10^20, with up to 5 places")
    rounded = exact.quantize(Decimal(1).scaleb(-len(fraction)), rounding=ROUND_HALF_EVEN)
    made = f"{rounded:,f}" if "," in whole else f"{rounded:f}"
    least = fraction.count("0")
    head, point, tail = made.partition(".")
    while len(tail) > least and tail.endswith("0"):
        tail = tail[:-1]
    return head + (point + tail if tail else "")


def _as_number(value: Value, type: Value = None) -> Value:
    found = number(value, "number")
    wanted = text(type).upper()
    if wanted in ("INT", "LONG", "BIGINTEGER"):
        return int(found)
    return float(found) if wanted in ("FLOAT", "DOUBLE", "BIGDECIMAL") else found


def _rounded(value: Value, places: Value = 0) -> Value:
    found = number(value, "round")
    count = whole_number(places, "round")
    if not -20 <= count <= 20:
        raise ValueProblem("round wants -20 to 20 places")
    made = round(found, count)
    return int(made) if count <= 0 else made


def _hash(make: Callable[[bytes], Any]) -> Called:
    return _of_text(lambda value: make(value.encode()).hexdigest())


def _keys(value: Value) -> list[Value]:
    if isinstance(value, list):
        return list(range(len(cast("list[Value]", value))))
    return sorted(_object(value, "keys"))


def _values(value: Value) -> list[Value]:
    found = _object(value, "values")
    return [found[key] for key in sorted(found)]


def _indent(value: Value, amount: Value = 2) -> Value:
    return _indented(value, amount, first=True)


def _nindent(value: Value, amount: Value = 2) -> Value:
    return "\n" + _indented(value, amount, first=True)


def _date(value: Value, format: Value = ISO, timeZone: Value = "UTC") -> Value:
    return formatted(value, text(format), text(timeZone))


def _date_add(value: Value, amount: Value, unit: Value = "DAYS") -> Value:
    return moved(value, amount, text(unit))


FILTERS: Final[dict[str, Called]] = {
    "abbreviate": Called(_abbreviated, ("length",), 1),
    "abs": _one(lambda value: abs(number(value, "abs"))),
    "base64decode": Called(_from_base64),
    "base64encode": _of_text(lambda value: b64encode(value.encode()).decode()),
    "boolean": _one(lambda value: text(value).strip().lower() == "true"),
    "capitalize": _of_text(lambda value: value[:1].upper() + value[1:]),
    "chunk": Called(_chunked, ("size",), 1),
    "contains": Called(contains, ("part",), 1),
    "date": Called(_date, ("format", "timeZone")),
    "dateAdd": Called(_date_add, ("amount", "unit"), 1),
    "default": _two("default", lambda value, default: default if value in (None, "") else value),
    "distinct": Called(_distinct),
    "endsWith": _two("suffix", lambda value, suffix: text(value).endswith(text(suffix))),
    "equals": _two("other", lambda value, other: equal(value, other)),
    "escape": _of_text(
        lambda value: (
            value.replace("&", "&amp;")
            .replace("<", "&lt;")
            .replace(">", "&gt;")
            .replace('"', "&quot;")
            .replace("'", "&#39;")
        )
    ),
    "first": Called(_first),
    "flatten": Called(_flat),
    "indent": Called(_indent, ("amount",)),
    "join": Called(_joined, ("separator",)),
    "json": Called(json_text),
    "keys": Called(_keys),
    "last": Called(_last),
    "length": _one(lambda value: 0 if value is None else size_of(value)),
    "lower": _of_text(str.lower),
    "ltrim": _of_text(str.lstrip),
    "md5": _hash(lambda data: md5(data, usedforsecurity=False)),
    "merge": Called(_merge, ("other",), 1),
    "nindent": Called(_nindent, ("amount",)),
    "number": Called(_as_number, ("type",)),
    "numberFormat": Called(_number_format, ("format",)),
    "replace": Called(_replace, ("replace_pairs", "regexp"), 1),
    "reverse": Called(_reversed),
    "round": Called(_rounded, ("places",)),
    "rsort": _one(lambda value: _sorted(value, reverse=True)),
    "rtrim": _of_text(str.rstrip),
    "sha1": _hash(lambda data: sha1(data, usedforsecurity=False)),
    "sha256": _hash(sha256),
    "sha512": _hash(sha512),
    "slice": Called(_slice, ("fromIndex", "toIndex")),
    "slugify": _of_text(lambda value: _NOT_SLUG.sub("-", value.lower()).strip("-")),
    "sort": _one(lambda value: _sorted(value, reverse=False)),
    "split": Called(_split, ("delimiter", "limit"), 1),
    "startsWith": _two("prefix", lambda value, prefix: text(value).startswith(text(prefix))),
    "string": _of_text(lambda value: value),
    "substringAfter": _substring(after=True, last=False),
    "substringAfterLast": _substring(after=True, last=True),
    "substringBefore": _substring(after=False, last=False),
    "substringBeforeLast": _substring(after=False, last=True),
    "timestamp": _one(lambda value: instant_ms(value) // 1_000),
    "timestampMilli": Called(instant_ms),
    "title": _of_text(lambda value: " ".join(w[:1].upper() + w[1:] for w in value.split(" "))),
    "toJson": Called(json_text),
    "trim": _of_text(str.strip),
    "upper": _of_text(str.upper),
    "urldecode": Called(_unescaped),
    "urlencode": Called(_escaped),
    "values": Called(_values),
}
"""`coalesce`-like filters get what is not there as null: see `LENIENT`."""

INSTEAD_OF_FILTERS: Final = {
    "jq": (
        "name what is wanted by its path, as in {{ outputs.a.items[0].name }}, go over a list with"
        " {% for %}, or have a task of your own work it out"
    ),
}
"""What to do without filters that others have."""

LENIENT: Final = frozenset({"default"})
"""Filters that may be given what is not there."""
