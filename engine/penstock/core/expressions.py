"""Expressions of a WfSpec: where a value comes from, and comparisons. Data, evaluated by one
bounded evaluator.

What a name means is asked of a `Scope`, so that this file knows nothing of runs and threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Final, Protocol

from msgspec import Struct

from penstock.core.limits import EXPRESSION_DEPTH_MAX
from penstock.core.paths import follow_path, parse_path
from penstock.core.values import Value, ValueProblem, check_bounds, type_name


class _Form(Struct, tag_field="from", frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A form of expression; `from` tells which."""


class Literal(_Form, tag="VALUE", frozen=True):
    """A value that stands in the spec."""

    value: Value


class VariableRef(_Form, tag="VARIABLE", frozen=True):
    """A variable of this thread or of one above it."""

    name: str
    path: str | None = None


class OutputRef(_Form, tag="NODE_OUTPUT", frozen=True):
    """The newest output of a node of this thread."""

    node: str
    path: str | None = None


class Comparator(StrEnum):
    """How two values compare."""

    EQUALS = "EQUALS"
    NOT_EQUALS = "NOT_EQUALS"
    LESS_THAN = "LESS_THAN"
    LESS_THAN_EQ = "LESS_THAN_EQ"
    GREATER_THAN = "GREATER_THAN"
    GREATER_THAN_EQ = "GREATER_THAN_EQ"


class Comparison(_Form, tag="COMPARISON", frozen=True):
    """A BOOL: whether left compares with right as said."""

    left: Expression
    comparator: Comparator
    right: Expression


Expression = Literal | VariableRef | OutputRef | Comparison


class Scope(Protocol):
    """What names mean where an expression stands; ValueProblem for one that means nothing."""

    def variable(self, name: str) -> Value:
        """The value of a variable that can be seen from here."""
        ...

    def output(self, node: str) -> Value:
        """The newest output of a node."""
        ...


def evaluate(expression: Expression, scope: Scope) -> Value:
    """The value of an expression, or ValueProblem."""
    match expression:
        case Literal():
            return expression.value
        case VariableRef():
            return _at(scope.variable(expression.name), expression.path)
        case OutputRef():
            return _at(scope.output(expression.node), expression.path)
        case Comparison():
            left, right = evaluate(expression.left, scope), evaluate(expression.right, scope)
            return compare(left, expression.comparator, right)


def is_true(condition: Expression, scope: Scope) -> bool:
    """Whether a condition holds; anything but a BOOL is a ValueProblem."""
    value = evaluate(condition, scope)
    if not isinstance(value, bool):
        raise ValueProblem(f"a condition must be BOOL, this one is {type_name(value)}")
    return value


def compare(left: Value, comparator: Comparator, right: Value) -> bool:
    """Compare two values. Equality knows every type; order wants two numbers, two texts or two byte
    strings.
    """
    if comparator is Comparator.EQUALS:
        return _equal(left, right)
    if comparator is Comparator.NOT_EQUALS:
        return not _equal(left, right)
    if not _ordered(left, right):
        raise ValueProblem(f"{type_name(left)} and {type_name(right)} have no order")
    return _ORDER[comparator](left, right)


_ORDER: Final[dict[Comparator, Callable[[Any, Any], bool]]] = {
    Comparator.LESS_THAN: lambda left, right: left < right,
    Comparator.LESS_THAN_EQ: lambda left, right: left <= right,
    Comparator.GREATER_THAN: lambda left, right: left > right,
    Comparator.GREATER_THAN_EQ: lambda left, right: left >= right,
}


def parts_of(expression: Expression) -> Iterator[Expression]:
    """The expression and all that it is made of; ValueProblem if it is nested too deep."""
    pending = [(expression, 1)]
    while pending:
        at, depth = pending.pop()
        if depth > EXPRESSION_DEPTH_MAX:
            raise ValueProblem(f"an expression may be nested {EXPRESSION_DEPTH_MAX} levels deep")
        yield at
        if isinstance(at, Comparison):
            pending += [(at.left, depth + 1), (at.right, depth + 1)]


def check_form(expression: Expression) -> None:
    """Raise ValueProblem for a path or a literal that can never be right."""
    for part in parts_of(expression):
        if isinstance(part, Literal):
            check_bounds(part.value)
        elif isinstance(part, VariableRef | OutputRef) and part.path is not None:
            parse_path(part.path)


def _at(value: Value, path: str | None) -> Value:
    return value if path is None else follow_path(value, path)


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _ordered(left: Value, right: Value) -> bool:
    if _is_number(left) and _is_number(right):
        return True
    return any(isinstance(left, kind) and isinstance(right, kind) for kind in (str, bytes))
