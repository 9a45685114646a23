"""Every form of expression can be told in a line."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from penstock.core.values.forms import Expression
from penstock.core.views.expression_text import TEXT_CHARS_MAX, expression_text
from tests.controls import (
    a_struct,
    cast,
    compare,
    formats,
    literal,
    negated,
    now,
    operate,
    output_of,
    secret,
    size_of,
    template,
    uuid,
    variable,
)

FORMS: dict[str, tuple[Any, str]] = {
    "Literal": (literal({"a": "é"}), '{"a":"é"}'),
    "VariableRef": (variable("order", "$.items[0]"), "order.items[0]"),
    "OutputRef": (output_of("pay"), "output of pay"),
    "Comparison": (compare(variable("x"), "LESS_THAN_EQ", literal(1)), "x ≤ 1"),
    "Operated": (
        operate(compare(variable("x"), "NOT_IN", variable("y")), "AND", variable("z")),
        "(x not in y) and z",
    ),
    "Not": (negated(variable("x")), "not x"),
    "SizeOf": (size_of(variable("x")), "size of x"),
    "Cast": (cast("INT", variable("x")), "x as INT"),
    "Format": (formats("{0}!", variable("x")), '"{0}!" with x'),
    "Built": (a_struct("person", name=literal("a")), "person {…}"),
    "Now": (now(), "now"),
    "Uuid": (uuid(), "a new uuid"),
    "Template": (template("{{ x }}"), "{{ x }}"),
    "Secret": (secret("key"), "secret key"),
}


def test_none_is_forgotten() -> None:
    assert FORMS.keys() == {form.__name__ for form in get_args(Expression)}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_as_text(name: str) -> None:
    given, text = FORMS[name]
    form = msgspec.convert(given, Expression)
    assert type(form).__name__ == name
    assert expression_text(form) == text


def test_a_long_one_is_cut() -> None:
    text = expression_text(msgspec.convert(literal("x" * 5_000), Expression))
    assert len(text) == TEXT_CHARS_MAX
    assert text.endswith("…")
