"""Operations of mutations and expressions: a table of cases for each."""

import copy
import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.limits import INT_MAX, INT_MIN
from penstock.core.values.operations import ARITHMETIC, Operation, operate, size_of
from penstock.core.values.types import ValueProblem

integers = st.integers(INT_MIN, INT_MAX)
doubles = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("left", "operation", "right", "made"),
    [
        (1, "ASSIGN", None, None),
        (1, "ADD", 2, 3),
        (1, "ADD", 0.5, 1.5),
        (0.5, "ADD", 1, 1.5),
        ("a", "ADD", "b", "ab"),
        ("a", "ADD", 1, "a1"),
        ("a", "ADD", True, "atrue"),
        ("a", "ADD", b"hi", "aaGk="),
        ([1], "ADD", 2, [1, 2]),
        ([1], "ADD", [2], [1, [2]]),
        ("a", "EXTEND", 1.5, "a1.5"),
        (b"a", "EXTEND", b"b", b"ab"),
        (b"a", "EXTEND", "aGk=", b"ahi"),
        ([1], "EXTEND", [2, 3], [1, 2, 3]),
        ([1], "EXTEND", 2, [1, 2]),
        ({"a": 1, "b": 1}, "EXTEND", {"b": 2}, {"a": 1, "b": 2}),
        (1, "SUBTRACT", 3, -2),
        (1, "SUBTRACT", 0.5, 0.5),
        (2, "MULTIPLY", 3, 6),
        (2, "MULTIPLY", 1.5, 3.0),
        (7, "DIVIDE", 2, 3),
        (-7, "DIVIDE", 2, -3),
        (7, "DIVIDE", -2, -3),
        (-7, "DIVIDE", -2, 3),
        (0, "DIVIDE", -2, 0),
        (7, "DIVIDE", 2.0, 3.5),
        (7.0, "DIVIDE", 2, 3.5),
        (2, "POW", 10, 1024),
        (2, "POW", 0, 1),
        (-2, "POW", 63, INT_MIN),
        (-1, "POW", INT_MAX, -1),
        (0, "POW", INT_MAX, 0),
        (2, "POW", 3.0, 8.0),
        (1.5, "POW", 2, 2.25),
        (2.0, "POW", -2, 0.25),
        (-2.0, "POW", 3, -8.0),
        (2.0, "POW", -1_000_000, 0.0),
        (0.5, "POW", 1e300, 0.0),
        ([1, 2, 1.0, True], "REMOVE_IF_PRESENT", 1, [2, True]),
        ([{"a": 1}], "REMOVE_IF_PRESENT", {"a": 1}, []),
        ([1], "REMOVE_IF_PRESENT", 9, [1]),
        ([1, 2, 3], "REMOVE_INDEX", 1, [1, 3]),
        ({"a": 1, "b": 2}, "REMOVE_KEY", "a", {"b": 2}),
        ({"a": 1}, "REMOVE_KEY", "x", {"a": 1}),
        ({"5": 1}, "REMOVE_KEY", 5, {}),
        (True, "AND", False, False),
        (True, "AND", True, True),
        (False, "OR", True, True),
        (False, "OR", False, False),
    ],
)
def test_what_operations_make(left: Any, operation: str, right: Any, made: Any) -> None:
    """And the operands stay as they are."""
    before = copy.deepcopy((left, right))
    got = operate(left, Operation(operation), right)
    assert (got, type(got)) == (made, type(made))
    assert (left, right) == before


@pytest.mark.parametrize(
    ("left", "operation", "right", "says"),
    [
        (INT_MAX, "ADD", 1, "does not fit in 64 bits"),
        (INT_MIN, "SUBTRACT", 1, "does not fit in 64 bits"),
        (INT_MAX, "MULTIPLY", 2, "does not fit in 64 bits"),
        (INT_MIN, "DIVIDE", -1, "does not fit in 64 bits"),
        (1e308, "ADD", 1e308, "too large for a DOUBLE"),
        (1e308, "MULTIPLY", -10.0, "too large for a DOUBLE"),
        (1e308, "DIVIDE", 1e-308, "too large for a DOUBLE"),
        (1, "DIVIDE", 0, "the right side is 0"),
        (1.0, "DIVIDE", 0.0, "the right side is 0"),
        (1, "DIVIDE", -0.0, "the right side is 0"),
        (2, "POW", 63, "does not fit in 64 bits"),
        (2, "POW", INT_MAX, "does not fit in 64 bits"),
        (2, "POW", -1, "exponent from 0"),
        (2, "POW", 0.5, "whole exponent"),
        (2.0, "POW", 5_000, "too large for a DOUBLE"),
        (0.0, "POW", -1, "0 has no negative power"),
        (0.5, "POW", -5_000, "too large for a DOUBLE"),
        (True, "ADD", 1, "ADD does not work on BOOL and INT"),
        (1, "ADD", True, "ADD does not work on INT and BOOL"),
        (1, "ADD", "1", "ADD does not work on INT and STR"),
        ("a", "ADD", [1], "ADD does not work on STR and JSON_ARR"),
        ({}, "ADD", {}, "ADD does not work on JSON_OBJ and JSON_OBJ"),
        ("a", "SUBTRACT", "a", "SUBTRACT does not work on STR and STR"),
        (b"a", "EXTEND", 1, "EXTEND does not work on BYTES and INT"),
        (b"a", "EXTEND", "no base64", "is not BYTES"),
        ({}, "EXTEND", [], "EXTEND does not work on JSON_OBJ and JSON_ARR"),
        (1, "EXTEND", 1, "EXTEND does not work on INT and INT"),
        ("abc", "REMOVE_IF_PRESENT", "a", "does not work on STR"),
        ([1], "REMOVE_INDEX", 1, "1 is not there; it has 1 items"),
        ([1], "REMOVE_INDEX", -1, "-1 is not there"),
        ([1], "REMOVE_INDEX", True, "does not work on JSON_ARR and BOOL"),
        ([1], "REMOVE_INDEX", 0.0, "does not work on JSON_ARR and DOUBLE"),
        ([1], "REMOVE_KEY", "a", "does not work on JSON_ARR and STR"),
        ({}, "REMOVE_KEY", [], "does not work on JSON_OBJ and JSON_ARR"),
        (1, "AND", True, "AND does not work on INT and BOOL"),
        (True, "OR", "true", "OR does not work on BOOL and STR"),
        ("x" * 200_000, "ADD", "x" * 100_000, "at most"),
    ],
)
def test_what_operations_refuse(left: Any, operation: str, right: Any, says: str) -> None:
    """Nothing wraps, nothing is guessed."""
    with pytest.raises(ValueProblem, match=says):
        operate(left, Operation(operation), right)


@pytest.mark.parametrize("operation", [op for op in Operation if op is not Operation.ASSIGN])
@pytest.mark.parametrize("value", [1, "a", [], {}, True])
def test_null_is_never_an_operand(operation: Operation, value: Any) -> None:
    """On either side."""
    with pytest.raises(ValueProblem, match="the right side is NULL"):
        operate(value, operation, None)
    with pytest.raises(ValueProblem, match="the left side is NULL"):
        operate(None, operation, value)


@given(integers, st.sampled_from(sorted(ARITHMETIC)), integers)
def test_whole_numbers_are_exact_or_a_problem(left: int, operation: Operation, right: int) -> None:
    """They never wrap."""
    try:
        made = operate(left, operation, right)
    except ValueProblem:
        return
    assert type(made) is int
    assert INT_MIN <= made <= INT_MAX
    if operation is Operation.DIVIDE:
        assert made == math.trunc(Fraction(left, right))
    if operation is Operation.ADD:
        assert made == left + right


@given(st.floats(1e-6, 1e6) | st.floats(-1e6, -1e-6), st.integers(0, 40))
def test_powers_are_products_in_a_fixed_order(base: float, exponent: int) -> None:
    """Close to the exact one, and the same each time."""
    made = operate(base, Operation.POW, exponent)
    assert made == operate(base, Operation.POW, exponent)
    assert made == pytest.approx(float(Fraction(base) ** exponent), rel=1e-12)


values = st.none() | integers | doubles | st.booleans() | st.text() | st.binary(max_size=9)
values = values | st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3)


@given(values, st.sampled_from(list(Operation)), values)
def test_whatever_is_put_in_a_value_or_a_problem_comes_out(
    left: Any, operation: Operation, right: Any
) -> None:
    """Nothing else."""
    try:
        made = operate(left, operation, right)
    except ValueProblem:
        return
    assert not isinstance(made, float) or math.isfinite(made)


@pytest.mark.parametrize(
    ("value", "size"), [("", 0), ("aé😀", 3), (b"abc", 3), ([1, [2, 3]], 2), ({"a": 1}, 1)]
)
def test_sizes(value: Any, size: int) -> None:
    """Characters, bytes, items, keys."""
    assert size_of(value) == size


@pytest.mark.parametrize("value", [None, 1, 1.5, True])
def test_what_has_no_size(value: Any) -> None:
    """Null least of all."""
    with pytest.raises(ValueProblem, match="has no size"):
        size_of(value)
