"""Values of the naive model: expressions, and what fits a variable."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Problem(Exception):
    """An expression that has no value, or a value that does not fit."""


def value(expression: Json, variables: Json, outputs: Json) -> Any:
    """The value of an expression, or Problem."""
    match expression["from"]:
        case "VALUE":
            return expression["value"]
        case "VARIABLE":
            return variables[expression["name"]]
        case "NODE_OUTPUT":
            if expression["node"] not in outputs:
                raise Problem("no output yet")
            return _count(outputs[expression["node"]], expression.get("path"))
        case _:
            left = value(expression["left"], variables, outputs)
            right = value(expression["right"], variables, outputs)
            return _compared(left, expression["comparator"], right)


def _count(value: Any, path: str | None) -> Any:
    """The one path that the generator knows: $.count."""
    if path is None or value is None:
        return value
    if not isinstance(value, dict):
        raise Problem("no object")
    return value.get("count")


def _compared(left: Any, comparator: str, right: Any) -> bool:
    if comparator in ("EQUALS", "NOT_EQUALS"):
        equal = left == right and isinstance(left, bool) == isinstance(right, bool)
        return equal == (comparator == "EQUALS")
    if not (_is_number(left) and _is_number(right)):
        raise Problem("no order")
    return left < right if comparator == "LESS_THAN" else left >= right


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def fitted(value: Any, kind: str) -> Any:
    """The value, if a variable of this type may have it."""
    fits = {"INT": int, "STR": str, "BOOL": bool}[kind]
    if value is None or (isinstance(value, fits) and (kind == "BOOL" or value is not True)):
        return value
    raise Problem(f"no {kind}")
