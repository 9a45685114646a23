"""Operators and tests: what values mean between each other in a template.

They are as forgiving as Kestra's users know them: text that stands for a number is one in
arithmetic, and everything has a truth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from penstock.core.values.comparing import deep_equal
from penstock.core.values.operations import Operation, operate
from penstock.core.values.texts import double_of, int_of, json_text, text_of
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, type_name

_FALSE_TEXTS: Final = frozenset({"", "false", "0", "-0"})
RANGE_ITEMS_MAX: Final = 10_000


def text(value: Value) -> str:
    """The text that a value has in a template: nothing for null, JSON for arrays and objects."""
    if value is None:
        return ""
    found = text_of(value)
    return json_text(value) if found is None else found


def truth(value: Value) -> bool:
    """Whether a value counts as true: its text is neither empty nor `false`, `0` or `-0`."""
    return text(value).strip() not in _FALSE_TEXTS


def number(value: Value, what: str) -> int | float:
    """A number, or text that stands for one; else ValueProblem."""
    if isinstance(value, str):
        try:
            return int_of(value.strip())
        except ValueProblem:
            return double_of(value.strip())
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueProblem(f"{what} wants a number, not {type_name(value)}")
    return value


def whole_number(value: Value, what: str) -> int:
    """A number without a fraction, or ValueProblem."""
    found = number(value, what)
    if isinstance(found, float):
        if not found.is_integer():
            raise ValueProblem(f"{what} wants a whole number, not {found}")
        return int(found)
    return found


def array(value: Value, what: str) -> list[Value]:
    """An array, or ValueProblem."""
    if not isinstance(value, list):
        raise ValueProblem(f"{what} wants an array, not {type_name(value)}")
    return cast("list[Value]", value)


def equal(left: Value, right: Value) -> bool:
    """Whether two values are the same; 1 is 1.0."""
    return deep_equal(left, right)


def contains(whole: Value, part: Value) -> bool:
    """Whether a text, an array or an object has this part, item or key."""
    if isinstance(whole, list):
        return any(deep_equal(part, item) for item in cast("list[Value]", whole))
    if isinstance(whole, dict):
        return text(part) in cast("dict[str, Value]", whole)
    return whole is not None and text(part) in text(whole)


def _less(left: Value, right: Value) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    return number(left, "a comparison") < number(right, "a comparison")


def _added(left: Value, right: Value) -> Value:
    if isinstance(left, list):
        return [*cast("list[Value]", left), *(right if isinstance(right, list) else [right])]
    if isinstance(left, str) or isinstance(right, str):
        return text(left) + text(right)
    return _worked(Operation.ADD)(left, right)


def _worked(operation: Operation) -> Callable[[Value, Value], Value]:
    def work(left: Value, right: Value) -> Value:
        what = operation.lower()
        made: Value = operate(number(left, what), operation, number(right, what))
        return made

    return work


def _remainder(left: Value, right: Value) -> Value:
    dividend, divisor = number(left, "%"), number(right, "%")
    if divisor == 0:
        raise ValueProblem("% by zero")
    rest: int | float = abs(dividend) % abs(divisor)
    return -rest if dividend < 0 else rest


def _range(left: Value, right: Value) -> Value:
    first, last = whole_number(left, ".."), whole_number(right, "..")
    if abs(last - first) >= RANGE_ITEMS_MAX:
        raise ValueProblem(f"a range may have {RANGE_ITEMS_MAX} items")
    return list(range(first, last + 1) if first <= last else range(first, last - 1, -1))


BINARY: Final[dict[str, Callable[[Value, Value], Value]]] = {
    "==": equal,
    "equals": equal,
    "!=": lambda left, right: not equal(left, right),
    "contains": contains,
    "in": lambda left, right: contains(right, left),
    "<": _less,
    ">": lambda left, right: _less(right, left),
    "<=": lambda left, right: not _less(right, left),
    ">=": lambda left, right: not _less(left, right),
    "..": _range,
    "~": lambda left, right: text(left) + text(right),
    "+": _added,
    "-": _worked(Operation.SUBTRACT),
    "*": _worked(Operation.MULTIPLY),
    "/": _worked(Operation.DIVIDE),
    "%": _remainder,
}
"""Operators that look at both sides; `and`, `or` and `??` do not."""


def _is_empty(value: Value) -> bool:
    return value is None or (isinstance(value, (str, list, dict)) and not cast("Any", value))


TESTS: Final[dict[str, Callable[[Value], bool]]] = {
    "defined": lambda value: True,  # what is not there never comes here
    "empty": _is_empty,
    "null": lambda value: value is None,
    "even": lambda value: whole_number(value, "even") % 2 == 0,
    "odd": lambda value: whole_number(value, "odd") % 2 == 1,
    "iterable": lambda value: isinstance(value, list),
    "map": lambda value: isinstance(value, dict),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
}
