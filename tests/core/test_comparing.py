"""Comparators: what is equal, what has an order, what is in what."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.values.comparing import Comparator, check_comparable, compare, deep_equal
from penstock.core.values.types import ValueProblem, ValueType, parse_type

ORDERED = [(1, 2), (1.5, 2.5), ("a", "b"), (b"a", b"b")]
ORDERS = ("LESS_THAN", "LESS_THAN_EQ", "GREATER_THAN", "GREATER_THAN_EQ")


@pytest.mark.parametrize(("small", "large"), ORDERED)
def test_values_of_one_type_have_an_order(small: Any, large: Any) -> None:
    """All six comparators agree about it."""
    pairs = ((small, large), (small, small), (large, small))
    for name, expected in (
        ("LESS_THAN", [True, False, False]),
        ("LESS_THAN_EQ", [True, True, False]),
        ("EQUALS", [False, True, False]),
        ("NOT_EQUALS", [True, False, True]),
        ("GREATER_THAN_EQ", [False, True, True]),
        ("GREATER_THAN", [False, False, True]),
    ):
        assert [compare(one, Comparator(name), other) for one, other in pairs] == expected


@pytest.mark.parametrize("value", [0, "", False, b"", [], {}, -1.5])
def test_null_comes_first(value: Any) -> None:
    """Before everything, and equals itself."""
    assert compare(None, Comparator.LESS_THAN, value)
    assert compare(value, Comparator.GREATER_THAN, None)
    assert not compare(None, Comparator.EQUALS, value)
    assert compare(value, Comparator.NOT_EQUALS, None)
    assert compare(None, Comparator.EQUALS, None)
    assert compare(None, Comparator.LESS_THAN_EQ, None)
    assert not compare(None, Comparator.LESS_THAN, None)


@pytest.mark.parametrize("comparator", [*ORDERS, "EQUALS", "NOT_EQUALS"])
@pytest.mark.parametrize(
    ("left", "right", "says"),
    [
        (1, 1.0, "INT can not be compared with DOUBLE"),
        (1, "1", "INT can not be compared with STR"),
        (False, "false", "BOOL can not be compared with STR"),
        (True, 1, "BOOL can not be compared with INT"),
        ("a", b"a", "STR can not be compared with BYTES"),
        ({}, {}, "JSON_OBJ can not be compared"),
        ([1], [1], "JSON_ARR can not be compared"),
        ({}, [], "JSON_OBJ can not be compared with JSON_ARR"),
    ],
)
def test_what_can_not_be_compared(left: Any, right: Any, says: str, comparator: str) -> None:
    """Is a problem, not an answer."""
    with pytest.raises(ValueProblem, match=says):
        compare(left, Comparator(comparator), right)


def test_bools_are_equal_or_not() -> None:
    """They have no order."""
    assert compare(True, Comparator.EQUALS, True)
    assert compare(True, Comparator.NOT_EQUALS, False)
    for name in ORDERS:
        with pytest.raises(ValueProblem, match="BOOL has no order"):
            compare(True, Comparator(name), False)


@pytest.mark.parametrize(
    ("part", "whole", "is_in"),
    [
        ("b", "abc", True),
        ("", "abc", True),
        ("x", "abc", False),
        (1, [1, 2], True),
        (1.0, [1, 2], True),
        (True, [1], False),
        ("1", [1], False),
        (None, [1, None], True),
        ({"a": [1.0]}, [{"a": [1]}], True),
        ({"a": 1}, [{"a": 1, "b": 2}], False),
        ([], [[]], True),
        ("a", {"a": None}, True),
        ("b", {"a": 1}, False),
        (5, {"5": 1}, True),
        (True, {"true": 1}, True),
    ],
)
def test_in(part: Any, whole: Any, is_in: bool) -> None:
    """A part of text, an item of an array, a key of an object."""
    assert compare(part, Comparator.IN, whole) is is_in
    assert compare(part, Comparator.NOT_IN, whole) is not is_in


@pytest.mark.parametrize(
    ("part", "whole"),
    [(1, "1"), (None, "a"), ("a", None), (None, {}), ([], {}), (1, 1), (b"a", b"abc"), ("a", 5)],
)
def test_what_can_not_be_in(part: Any, whole: Any) -> None:
    """Is a problem."""
    with pytest.raises(ValueProblem, match="can not be IN"):
        compare(part, Comparator.IN, whole)


@given(st.recursive(st.integers() | st.text() | st.none() | st.booleans(), st.lists))
def test_everything_equals_itself(value: Any) -> None:
    """All through."""
    assert deep_equal(value, value)


KINDS = ["INT", "DOUBLE", "BOOL", "STR", "BYTES", "JSON_OBJ", "JSON_ARR", "TIMESTAMP", "WF_RUN_ID"]


@pytest.mark.parametrize(("left", "right"), list(product(KINDS, KINDS)))
def test_what_is_seen_at_registration(left: str, right: str) -> None:
    """One simple type on both sides; a run's id is a text like another."""
    simple = {left, right}.isdisjoint({"JSON_OBJ", "JSON_ARR"})
    same = left == right or {left, right} == {"STR", "WF_RUN_ID"}
    one, other = parse_type(left), parse_type(right)
    if simple and same:
        check_comparable(one, Comparator.EQUALS, other)
    else:
        with pytest.raises(ValueProblem, match="can not be compared"):
            check_comparable(one, Comparator.EQUALS, other)


@pytest.mark.parametrize(
    ("left", "right", "fine"),
    [
        ("INT", "ARRAY<INT>", True),
        ("INT", "ARRAY<DOUBLE>", True),
        ("STR", "ARRAY<INT>", False),
        ("INT", "MAP<INT,STR>", True),
        ("STR", "MAP<INT,STR>", False),
        ("STR", "JSON_OBJ", True),
        ("JSON_ARR", "JSON_OBJ", False),
        ("JSON_OBJ", "JSON_ARR", True),
        ("STR", "STR", True),
        ("INT", "STR", False),
        ("STR", "INT", False),
        ("STR", "STRUCT<a>", False),
    ],
)
def test_in_as_it_is_seen_at_registration(left: str, right: str, fine: bool) -> None:
    """By the types of the parts."""
    one, other = parse_type(left), parse_type(right)
    if fine:
        check_comparable(one, Comparator.IN, other)
    else:
        with pytest.raises(ValueProblem, match=f"{left} can not be NOT_IN"):
            check_comparable(one, Comparator.NOT_IN, other)


def test_bools_without_an_order_are_seen_at_registration() -> None:
    """Too."""
    with pytest.raises(ValueProblem, match="BOOL has no order"):
        check_comparable(ValueType.BOOL, Comparator.LESS_THAN, ValueType.BOOL)
