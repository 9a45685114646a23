"""What of a value may be shown."""

import copy
from typing import Any

import pytest

from penstock.core.values.masking import shown_value
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
