"""Values, paths and expressions."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.expressions import Comparator, Comparison, Literal, check_form, compare
from penstock.core.paths import follow_path, parse_path
from penstock.core.values import ValueProblem, ValueType, check_bounds, coerce, encode_value


@pytest.mark.parametrize(
    ("value", "kind", "fitted"),
    [
        (3, "INT", 3),
        (3.0, "INT", 3),
        (3, "DOUBLE", 3.0),
        (True, "BOOL", True),
        ("x", "STR", "x"),
        ("aGk=", "BYTES", b"hi"),
        (b"hi", "BYTES", b"hi"),
        ({"a": [1]}, "JSON_OBJ", {"a": [1]}),
        ([1, None], "JSON_ARR", [1, None]),
        (2**63 - 1, "INT", 2**63 - 1),
        ("\u202eabc 😀", "STR", "\u202eabc 😀"),
    ],
)
def test_values_that_fit(value: Any, kind: str, fitted: Any) -> None:
    """With the type that was declared."""
    got = coerce(value, ValueType(kind))
    assert (got, type(got)) == (fitted, type(fitted))


@pytest.mark.parametrize("kind", list(ValueType))
def test_null_fits_every_type(kind: ValueType) -> None:
    """A variable may have no value."""
    assert coerce(None, kind) is None


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "INT"),
        (3.5, "INT"),
        (2**63, "INT"),
        ("3", "INT"),
        (1e300, "INT"),
        (math.nan, "DOUBLE"),
        (math.inf, "DOUBLE"),
        (1, "BOOL"),
        (1, "STR"),
        ("not base64!", "BYTES"),
        ([], "JSON_OBJ"),
        ({}, "JSON_ARR"),
        ([math.nan], "JSON_ARR"),
        ([2**64], "JSON_ARR"),
        ("x" * 300_000, "STR"),
        ({1: 2}, "JSON_OBJ"),
        ([object()], "JSON_ARR"),
    ],
)
def test_values_that_do_not_fit(value: Any, kind: str) -> None:
    """Said with the value and the type."""
    with pytest.raises(ValueProblem):
        coerce(value, ValueType(kind))


def test_depth_is_bounded() -> None:
    """64 levels, whatever the size."""
    deep: Any = 0
    for _ in range(64):
        deep = [deep]
    check_bounds(deep)
    with pytest.raises(ValueProblem, match="64 levels"):
        check_bounds([deep])


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=6))
def test_equal_values_are_equal_bytes(value: dict[str, Any]) -> None:
    """Whatever the order of the keys."""
    assert encode_value(value) == encode_value(dict(reversed(list(value.items()))))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", {"a": [{"b c": 1}, 2]}),
        ("$.a[0]", {"b c": 1}),
        ('$.a[0]["b c"]', 1),
        ("$.a[-1]", 2),
        ("$.a[9]", None),
        ("$.no.such.key", None),
    ],
)
def test_paths(path: str, found: Any) -> None:
    """What is not there is null."""
    assert follow_path({"a": [{"b c": 1}, 2]}, path) == found


@pytest.mark.parametrize(
    "path", ["", "a", "$.", "$..a", "$[x]", "$[1", "$.a b", "$[*]", "$" + ".a" * 65]
)
def test_what_is_no_path(path: str) -> None:
    """Is refused when the spec is registered."""
    with pytest.raises(ValueProblem):
        parse_path(path)


def test_a_step_into_a_number_is_a_problem() -> None:
    """Not null: it can not have been meant."""
    with pytest.raises(ValueProblem):
        follow_path({"a": 1}, "$.a.b")


@pytest.mark.parametrize(
    ("left", "comparator", "right", "holds"),
    [
        (1, "EQUALS", 1.0, True),
        (True, "EQUALS", 1, False),
        ("a", "LESS_THAN", "b", True),
        (2, "GREATER_THAN_EQ", 2.0, True),
        (None, "EQUALS", None, True),
        ({"a": 1}, "NOT_EQUALS", {"a": 2}, True),
    ],
)
def test_comparisons(left: Any, comparator: str, right: Any, holds: bool) -> None:
    """Equality knows all types."""
    assert compare(left, Comparator(comparator), right) is holds


@pytest.mark.parametrize(("left", "right"), [(1, "1"), (None, 1), ([], []), (True, False)])
def test_what_has_no_order(left: Any, right: Any) -> None:
    """Is a problem, not an answer."""
    with pytest.raises(ValueProblem):
        compare(left, Comparator.LESS_THAN, right)


def test_the_depth_of_expressions_is_bounded() -> None:
    """32 levels."""
    nested: Any = Literal(1)
    for _ in range(40):
        nested = Comparison(left=nested, comparator=Comparator.EQUALS, right=Literal(1))
    with pytest.raises(ValueProblem, match="32 levels"):
        check_form(nested)
