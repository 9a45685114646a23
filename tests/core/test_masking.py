"""What of a value may be shown."""

import copy
from typing import Any

import pytest

from penstock.core.values.forms import Expression, Format, OutputRef, VariableRef
from penstock.core.values.masking import reads_masked, shown_value
from penstock.core.values.types import StructField

FIELDS = {
    "name": StructField("name", "STR"),
    "card": StructField("card", "STR", masked=True),
    "friends": StructField("friends", "ARRAY<STRUCT<person>>", required=False),
}
STRUCTS = {"person": FIELDS}.get


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (1, "INT", 1),
        (None, "STRUCT<person>", None),
        ({"name": "A", "card": "1"}, "STRUCT<person>", {"name": "A", "card": "*****"}),
        ({"name": "A", "card": None}, "STRUCT<person>", {"name": "A", "card": None}),
        ([{"card": "1"}, None], "ARRAY<STRUCT<person>>", [{"card": "*****"}, None]),
        ({"k": {"card": "1"}}, "MAP<STR,STRUCT<person>>", {"k": {"card": "*****"}}),
        (
            {"card": "1", "friends": [{"card": "2"}]},
            "STRUCT<person>",
            {"card": "*****", "friends": [{"card": "*****"}]},
        ),
        ({"card": "1"}, "JSON_OBJ", {"card": "1"}),
        ({"card": "1"}, "STRUCT<gone>", "*****"),  # nobody knows any more
    ],
)
def test_masked_fields_are_not_shown(value: Any, kind: str, shown: Any) -> None:
    """At any depth; the value itself stays as it is."""
    before = copy.deepcopy(value)
    assert shown_value(value, kind, STRUCTS, masked=False) == shown
    assert value == before


@pytest.mark.parametrize("value", [1, "", [], {"a": 1}])
def test_a_masked_value_is_not_shown(value: Any) -> None:
    """Only whether there is one."""
    assert shown_value(value, "JSON_OBJ", STRUCTS, masked=True) == "*****"
    assert shown_value(None, "JSON_OBJ", STRUCTS, masked=True) is None


TYPES = {("VARIABLE", "p"): "STRUCT<person>", ("NODE_OUTPUT", "n"): "ARRAY<STRUCT<person>>"}


@pytest.mark.parametrize(
    ("expression", "wanted", "masked"),
    [
        (VariableRef("p"), "STRUCT<person>", False),  # the place's type masks it
        (VariableRef("p"), "JSON_OBJ", True),
        (VariableRef("p"), None, True),
        (VariableRef("p", "$.name"), "STR", False),
        (VariableRef("p", "$.card"), "STR", True),
        (VariableRef("p", "$.friends"), "ARRAY<STRUCT<person>>", False),
        (VariableRef("p", "$.friends"), None, True),
        (VariableRef("p", "$.friends[0].card"), None, True),
        (OutputRef("n", "$[0].card"), None, True),
        (OutputRef("n", "$[0].name"), None, False),
        (OutputRef("n"), "ARRAY<STRUCT<person>>", False),
        (Format("{0}", (VariableRef("p", "$.card"),)), "STR", True),
        (Format("{0}", (VariableRef("p", "$.name"),)), "STR", False),
        (Format("{0}", (VariableRef("other"),)), "STR", False),
    ],
)
def test_what_reads_a_masked_field_is_masked(
    expression: Expression, wanted: str | None, masked: bool
) -> None:
    """As a whole, unless the place where it goes masks the same fields."""
    assert reads_masked(expression, wanted, TYPES, STRUCTS) is masked
