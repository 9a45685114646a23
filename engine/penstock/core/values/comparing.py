"""Comparing two values.

Null comes before everything and equals null. Otherwise both sides must be of one type when the run
has them: 1 and 1.0, 1 and "1", false and "false" are problems, not answers. BOOLs are equal or not,
but have no order; objects and arrays are not compared at all. IN asks for a part of text, an item
of an array (there 1 is 1.0, and items are compared as a whole) or a key of an object.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, cast

from penstock.core.values.texts import text_of
from penstock.core.values.types import SIMPLE, ArrayOf, MapOf, Type, ValueProblem, ValueType
from penstock.core.values.value import Value, type_name


class Comparator(StrEnum):
    """How two values compare."""

    EQUALS = "EQUALS"
    NOT_EQUALS = "NOT_EQUALS"
    LESS_THAN = "LESS_THAN"
    LESS_THAN_EQ = "LESS_THAN_EQ"
    GREATER_THAN = "GREATER_THAN"
    GREATER_THAN_EQ = "GREATER_THAN_EQ"
    IN = "IN"
    NOT_IN = "NOT_IN"


def compare(left: Value, comparator: Comparator, right: Value) -> bool:
    """Whether the two values compare as said, or ValueProblem."""
    if comparator in MEMBERSHIP:
        return is_in(left, right) is (comparator is Comparator.IN)
    if left is None or right is None:
        sign = (left is not None) - (right is not None)
    else:
        sign = _sign(left, comparator, right)
    return _HOLDS[comparator](sign)


def is_in(part: Value, whole: Value) -> bool:
    """Whether a text is in a text, an item in an array, a key in an object; or ValueProblem."""
    if isinstance(whole, str) and isinstance(part, str):
        return part in whole
    if isinstance(whole, list):
        return any(deep_equal(part, item) for item in cast("list[Value]", whole))
    key = text_of(part)
    if isinstance(whole, dict) and key is not None:
        return key in whole
    raise ValueProblem(f"{type_name(part)} can not be IN {type_name(whole)}")


def deep_equal(left: Value, right: Value) -> bool:
    """Whether two values are the same all through; 1 is 1.0, but true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        ours, theirs = cast("list[Any]", left), cast("list[Any]", right)
        return len(ours) == len(theirs) and all(map(deep_equal, ours, theirs))
    if isinstance(left, dict) and isinstance(right, dict):
        mine, other = cast("dict[str, Any]", left), cast("dict[str, Any]", right)
        return mine.keys() == other.keys() and all(deep_equal(mine[k], other[k]) for k in mine)
    return bool(left == right)


MEMBERSHIP: Final = frozenset({Comparator.IN, Comparator.NOT_IN})
_EQUALITY: Final = frozenset({Comparator.EQUALS, Comparator.NOT_EQUALS})

_HOLDS: Final[dict[Comparator, Callable[[int], bool]]] = {
    Comparator.EQUALS: lambda sign: sign == 0,
    Comparator.NOT_EQUALS: lambda sign: sign != 0,
    Comparator.LESS_THAN: lambda sign: sign < 0,
    Comparator.LESS_THAN_EQ: lambda sign: sign <= 0,
    Comparator.GREATER_THAN: lambda sign: sign > 0,
    Comparator.GREATER_THAN_EQ: lambda sign: sign >= 0,
}


def _sign(left: Value, comparator: Comparator, right: Value) -> int:
    kind = type_name(left)
    if kind != type_name(right):
        raise ValueProblem(f"{kind} can not be compared with {type_name(right)}; cast one of them")
    if isinstance(left, (list, dict)):
        raise ValueProblem(f"{kind} can not be compared; compare a part of it")
    if isinstance(left, bool) and comparator not in _EQUALITY:
        raise ValueProblem("BOOL has no order; use EQUALS or NOT_EQUALS")
    return (left > right) - (left < right)


def check_comparable(left: Type, comparator: Comparator, right: Type) -> None:
    """Raise ValueProblem if values of these types can not be compared so."""
    if comparator in MEMBERSHIP:
        if not _may_hold(left, right):
            raise ValueProblem(f"{left} can not be {comparator} {right}")
        return
    if left not in SIMPLE or right not in SIMPLE:
        wrong = right if left in SIMPLE else left
        raise ValueProblem(f"{wrong} can not be compared; compare a part of it")
    if left != right and {left, right} != {ValueType.STR, ValueType.WF_RUN_ID}:
        raise ValueProblem(f"{left} can not be compared with {right}; cast one of them")
    if left is ValueType.BOOL and comparator not in _EQUALITY:
        raise ValueProblem("BOOL has no order; use EQUALS or NOT_EQUALS")


def _may_hold(part: Type, whole: Type) -> bool:
    texts = {ValueType.STR, ValueType.WF_RUN_ID, ValueType.TIMESTAMP}
    match whole:
        case ArrayOf(item):
            return part == item or {part, item} <= {ValueType.INT, ValueType.DOUBLE}
        case MapOf(key, _):
            return part == key
        case ValueType.JSON_ARR:
            return True
        case ValueType.JSON_OBJ:
            return part in SIMPLE
        case _:
            return part in texts and whole in texts
