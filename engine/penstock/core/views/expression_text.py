"""Expressions as people would write them, to be told in a sentence."""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.values.comparing import Comparator
from penstock.core.values.forms import (
    Built,
    Cast,
    Comparison,
    Expression,
    Format,
    Literal,
    Not,
    Now,
    Operated,
    OutputRef,
    Secret,
    SizeOf,
    Template,
    Uuid,
    VariableRef,
)
from penstock.core.values.operations import Operation
from penstock.core.values.value import Value

TEXT_CHARS_MAX: Final = 400

_SIGNS: Final[dict[str, str]] = {
    Comparator.EQUALS: "=",
    Comparator.NOT_EQUALS: "≠",
    Comparator.LESS_THAN: "<",
    Comparator.LESS_THAN_EQ: "≤",
    Comparator.GREATER_THAN: ">",
    Comparator.GREATER_THAN_EQ: "≥",
    Operation.ADD: "+",
    Operation.SUBTRACT: "-",
    Operation.MULTIPLY: "*",
    Operation.DIVIDE: "/",
    Operation.POW: "^",
}


def expression_text(expression: Expression) -> str:
    """The expression in a line; a very long one is cut."""
    text = _text(expression)
    return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"


def _text(expression: Expression) -> str:
    match expression:
        case Literal(value=value):
            return _json(value)
        case VariableRef(name=name, path=path):
            return name + _below(path)
        case OutputRef(node=node, path=path):
            return f"output of {node}{_below(path)}"
        case Comparison(left=left, comparator=sign, right=right):
            return f"{_nested(left)} {_sign(sign)} {_nested(right)}"
        case Operated(left=left, operation=sign, right=right):
            return f"{_nested(left)} {_sign(sign)} {_nested(right)}"
        case Not(value=value):
            return f"not {_nested(value)}"
        case SizeOf(value=value):
            return f"size of {_nested(value)}"
        case Cast(type=kind, value=value):
            return f"{_nested(value)} as {kind}"
        case Format(template=template, args=args):
            return f"{_json(template)} with {', '.join(map(_text, args))}"
        case Template(template=template):
            return template if isinstance(template, str) else _json(template)
        case Built(struct=struct):
            return f"{struct} {{…}}"
        case Secret(name=name):
            return f"secret {name}"
        case Now():
            return "now"
        case Uuid():
            return "a new uuid"


def _nested(expression: Expression) -> str:
    text = _text(expression)
    return f"({text})" if isinstance(expression, Comparison | Operated) else text


def _sign(sign: Comparator | Operation) -> str:
    return _SIGNS.get(sign, sign.lower().replace("_", " "))


def _below(path: str | None) -> str:
    return "" if path is None else path.removeprefix("$")


def _json(value: Value) -> str:
    return msgspec.json.encode(value).decode()
