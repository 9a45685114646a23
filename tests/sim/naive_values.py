"""Values of the naive model: expressions, and what fits a variable."""

from __future__ import annotations

from datetime import datetime
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


def instant_ms(text: Any) -> int:
    """Milliseconds since 1970."""
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1_000)
    except ValueError:
        raise Problem("no instant") from None


def _count(value: Any, path: str | None) -> Any:
    """The one path that the generator knows: $.count."""
    if path is None or value is None:
        return value
    if not isinstance(value, dict):
        raise Problem("no object")
    return value.get("count")


def _compared(left: Any, comparator: str, right: Any) -> bool:
    """Null comes before all; else both sides are of one type, and what is no BOOL has an order."""
    if left is None or right is None:
        sign = (left is not None) - (right is not None)
    elif type(left) is not type(right) or isinstance(left, (dict, list)):
        raise Problem("not to be compared")
    elif isinstance(left, bool) and "EQUALS" not in comparator:
        raise Problem("no order")
    else:
        sign = (left > right) - (left < right)
    return {
        "EQUALS": sign == 0,
        "NOT_EQUALS": sign != 0,
        "LESS_THAN": sign < 0,
        "GREATER_THAN_EQ": sign >= 0,
    }[comparator]


def fitted(value: Any, kind: str) -> Any:
    """The value, if a variable of this type may have it."""
    if kind == "STR" and isinstance(value, int):
        return str(value).lower() if isinstance(value, bool) else str(value)
    fits = {"INT": int, "STR": str, "BOOL": bool}[kind]
    if value is None or (isinstance(value, fits) and (kind == "BOOL" or value is not True)):
        return value
    raise Problem(f"no {kind}")
