"""What two values make: the operations of mutations and of expressions.

Every result is the same on every machine: whole numbers are exact or a problem (they do not wrap),
DOUBLEs use only what IEEE 754 rounds correctly. So POW multiplies step by step and wants a whole
exponent; a root would be the C library's guess. DIVIDE of two INTs cuts towards zero. Null is never
an operand.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from math import isfinite
from typing import Any, Final, cast

from penstock.core.limits import INT_MAX, INT_MIN, VALUE_BYTES_MAX
from penstock.core.values.comparing import deep_equal
from penstock.core.values.texts import bytes_of, text_of
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, type_name


class Operation(StrEnum):
    """What is done with a left and a right value; ASSIGN, which takes the right one, is for
    mutations only.
    """

    ASSIGN = "ASSIGN"
    ADD = "ADD"
    EXTEND = "EXTEND"
    SUBTRACT = "SUBTRACT"
    MULTIPLY = "MULTIPLY"
    DIVIDE = "DIVIDE"
    POW = "POW"
    REMOVE_IF_PRESENT = "REMOVE_IF_PRESENT"
    REMOVE_INDEX = "REMOVE_INDEX"
    REMOVE_KEY = "REMOVE_KEY"
    AND = "AND"
    OR = "OR"


LOGIC: Final = frozenset({Operation.AND, Operation.OR})
ARITHMETIC: Final = frozenset(
    {Operation.ADD, Operation.SUBTRACT, Operation.MULTIPLY, Operation.DIVIDE, Operation.POW}
)
"""Operations that make numbers of numbers."""


def operate(left: Value, operation: Operation, right: Value) -> Value:
    """What the operation makes of the two values, or ValueProblem. Operands are never changed."""
    if operation is Operation.ASSIGN:
        return right
    if left is None or right is None:
        side = "left" if left is None else "right"
        raise ValueProblem(f"{operation}: the {side} side is NULL")
    if operation in ARITHMETIC and _is_number(left) and _is_number(right):
        return _checked(_ARITHMETIC[operation](left, right), operation)
    work = _OTHER.get(operation)
    made = None if work is None else work(left, right)
    if made is None:
        raise ValueProblem(f"{operation} does not work on {type_name(left)} and {type_name(right)}")
    return made


def size_of(value: Value) -> int:
    """Characters of text, bytes of BYTES, items of an array, keys of an object; or ValueProblem."""
    if isinstance(value, (str, bytes, list, dict)):
        return len(cast("list[Any]", value))
    raise ValueProblem(f"{type_name(value)} has no size")


def _checked(number: Any, operation: Operation) -> Value:
    if isinstance(number, float) and not isfinite(number):
        raise ValueProblem(f"{operation}: the result is too large for a DOUBLE")
    if isinstance(number, int) and not INT_MIN <= number <= INT_MAX:
        raise ValueProblem(f"{operation}: the result does not fit in 64 bits")
    return number


def _divide(left: Any, right: Any) -> Any:
    if right == 0:
        raise ValueProblem("DIVIDE: the right side is 0")
    if isinstance(left, float) or isinstance(right, float):
        return _both_double(left, right, lambda one, other: one / other)
    whole = abs(left) // abs(right)
    return whole if (left < 0) == (right < 0) else -whole


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, float):
        if not exponent.is_integer():
            raise ValueProblem("POW wants a whole exponent: roots differ from machine to machine")
        base, exponent = float(base), int(exponent)
    if isinstance(base, int):
        if exponent < 0:
            raise ValueProblem("POW of an INT wants an exponent from 0; cast the base to DOUBLE")
        if abs(base) > 1 and exponent > 63:
            raise ValueProblem("POW: the result does not fit in 64 bits")
        return base**exponent
    if base == 0 and exponent < 0:
        raise ValueProblem("POW: 0 has no negative power")
    power = _double_power(base, abs(exponent))
    if exponent >= 0:
        return power
    return 1.0 / power if power else float("inf")


def _double_power(base: float, exponent: int) -> float:
    """Square and multiply, always in the same order: at most 2,048 products, each rounded as IEEE
    754 says.
    """
    result = 1.0
    while exponent:
        if exponent & 1:
            result *= base
        exponent >>= 1
        base *= base
    return result


def _both_double(left: Any, right: Any, work: Callable[[float, float], float]) -> float:
    """Python's own rules mix INT and DOUBLE in the same way; this says so."""
    return work(float(left), float(right))


def _mixed(
    whole: Callable[[int, int], int], real: Callable[[float, float], float]
) -> Callable[[Any, Any], Any]:
    def work(left: Any, right: Any) -> Any:
        if isinstance(left, float) or isinstance(right, float):
            return _both_double(left, right, real)
        return whole(left, right)

    return work


_ARITHMETIC: Final[dict[Operation, Callable[[Any, Any], Any]]] = {
    Operation.ADD: _mixed(lambda one, other: one + other, lambda one, other: one + other),
    Operation.SUBTRACT: _mixed(lambda one, other: one - other, lambda one, other: one - other),
    Operation.MULTIPLY: _mixed(lambda one, other: one * other, lambda one, other: one * other),
    Operation.DIVIDE: _divide,
    Operation.POW: _power,
}


def _add(left: Any, right: Any) -> Value:
    if isinstance(left, str):
        return _text_and(left, right)
    return [*cast("list[Any]", left), right] if isinstance(left, list) else None


def _extend(left: Any, right: Any) -> Value:
    """Two arrays become one, anything else is an array's new item; objects are merged, and the
    right one wins.
    """
    if isinstance(left, str):
        return _text_and(left, right)
    if isinstance(left, bytes):
        more = bytes_of(right) if isinstance(right, str) else right
        return left + more if isinstance(more, bytes) else None
    if isinstance(left, list):
        items = cast("list[Any]", left)
        return [*items, *cast("list[Any]", right)] if isinstance(right, list) else [*items, right]
    if isinstance(left, dict) and isinstance(right, dict):
        return {**cast("dict[str, Any]", left), **cast("dict[str, Any]", right)}
    return None


def _text_and(left: str, right: Value) -> Value:
    text = text_of(right)
    if text is None:
        return None
    if len(left) + len(text) > VALUE_BYTES_MAX:
        raise ValueProblem(f"a value may have at most {VALUE_BYTES_MAX} bytes")
    return left + text


def _remove_if_present(left: Any, right: Any) -> Value:
    if not isinstance(left, list):
        return None
    return [item for item in cast("list[Any]", left) if not deep_equal(item, right)]


def _remove_index(left: Any, right: Any) -> Value:
    if not isinstance(left, list) or isinstance(right, bool) or not isinstance(right, int):
        return None
    items = list(cast("list[Any]", left))
    if not 0 <= right < len(items):
        raise ValueProblem(f"REMOVE_INDEX: {right} is not there; it has {len(items)} items")
    del items[right]
    return items


def _remove_key(left: Any, right: Any) -> Value:
    key = text_of(right)
    if not isinstance(left, dict) or key is None:
        return None
    items = cast("dict[str, Any]", left)
    return {name: item for name, item in items.items() if name != key}


def _and(left: Any, right: Any) -> Value:
    return left and right if isinstance(left, bool) and isinstance(right, bool) else None


def _or(left: Any, right: Any) -> Value:
    return left or right if isinstance(left, bool) and isinstance(right, bool) else None


_OTHER: Final[dict[Operation, Callable[[Any, Any], Value]]] = {
    Operation.ADD: _add,
    Operation.EXTEND: _extend,
    Operation.REMOVE_IF_PRESENT: _remove_if_present,
    Operation.REMOVE_INDEX: _remove_index,
    Operation.REMOVE_KEY: _remove_key,
    Operation.AND: _and,
    Operation.OR: _or,
}


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
