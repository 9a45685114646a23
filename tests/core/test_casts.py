"""What is converted by itself, what a cast makes, and what is never made."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.values.casts import cast_to, check_assignable, check_castable, converted
from penstock.core.values.texts import text_of
from penstock.core.values.types import SIMPLE, ValueProblem, ValueType, no_structs, parse_type

INT, DOUBLE, BOOL, STR = ValueType.INT, ValueType.DOUBLE, ValueType.BOOL, ValueType.STR

BY_ITSELF = {(kind, STR) for kind in SIMPLE} | {(INT, DOUBLE)}
BY_CAST = {(DOUBLE, INT)} | {
    (STR, kind)
    for kind in (INT, DOUBLE, BOOL, ValueType.BYTES, ValueType.WF_RUN_ID, ValueType.TIMESTAMP)
}


@pytest.mark.parametrize(("known", "wanted"), list(product(ValueType, ValueType)))
def test_each_pair_of_types_is_decided(known: ValueType, wanted: ValueType) -> None:
    """By itself, with a cast, or never: as littlehorse.md 2.3 lists them."""
    if known is wanted or (known, wanted) in BY_ITSELF:
        check_assignable(known, wanted)
        check_castable(known, wanted)
    elif (known, wanted) in BY_CAST:
        says = f"Cannot assign {known} to {wanted} without explicit casting"
        with pytest.raises(ValueProblem, match=says):
            check_assignable(known, wanted)
        check_castable(known, wanted)
    else:
        with pytest.raises(ValueProblem, match=f"Cannot assign {known} to {wanted}$"):
            check_assignable(known, wanted)
        with pytest.raises(ValueProblem, match=f"Cannot cast from {known} to {wanted}$"):
            check_castable(known, wanted)


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        ("JSON_ARR", "ARRAY<INT>"),
        ("ARRAY<INT>", "JSON_ARR"),
        ("JSON_OBJ", "MAP<STR,INT>"),
        ("MAP<STR,INT>", "JSON_OBJ"),
        ("JSON_OBJ", "STRUCT<a>"),
        ("STRUCT<a>", "JSON_OBJ"),
    ],
)
def test_json_and_typed_parts_are_cast(known: str, wanted: str) -> None:
    """Never by themselves."""
    check_castable(parse_type(known), parse_type(wanted))
    with pytest.raises(ValueProblem, match="without explicit casting"):
        check_assignable(parse_type(known), parse_type(wanted))


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        ("ARRAY<INT>", "ARRAY<DOUBLE>"),
        ("ARRAY<INT>", "STR"),
        ("MAP<STR,INT>", "STRUCT<a>"),
        ("STRUCT<a>", "STRUCT<b>"),
        ("JSON_OBJ", "ARRAY<INT>"),
        ("STR", "ARRAY<STR>"),
    ],
)
def test_other_parts_are_not(known: str, wanted: str) -> None:
    """Whatever is asked for."""
    with pytest.raises(ValueProblem, match="Cannot cast"):
        check_castable(parse_type(known), parse_type(wanted))


@pytest.mark.parametrize(
    ("value", "wanted", "made"),
    [
        (1, "STR", "1"),
        (-1.5, "STR", "-1.5"),
        (1e300, "STR", "1e+300"),
        (1.0, "STR", "1.0"),
        (True, "STR", "true"),
        (b"hi", "STR", "aGk="),
        (1, "DOUBLE", 1.0),
        (None, "INT", None),
        (7, "INT", 7),
    ],
)
def test_conversions(value: Any, wanted: str, made: Any) -> None:
    """That happen by themselves."""
    got = converted(value, parse_type(wanted), no_structs)
    assert (got, type(got)) == (made, type(made))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1.0, "INT"),
        (1.5, "INT"),
        ("1", "INT"),
        ("true", "BOOL"),
        (1, "BOOL"),
        ({"a": 1}, "STR"),
        ([1], "STR"),
        (1, "JSON_OBJ"),
        ("no time", "TIMESTAMP"),
        ("no id!", "WF_RUN_ID"),
        (1, "TIMESTAMP"),
    ],
)
def test_what_does_not_happen_by_itself(value: Any, wanted: str) -> None:
    """A JSON double is no INT, either: it is cast or refused."""
    with pytest.raises(ValueProblem):
        converted(value, parse_type(wanted), no_structs)


@pytest.mark.parametrize(
    ("value", "wanted", "made"),
    [
        (1.9, "INT", 1),
        (-1.9, "INT", -1),
        (-(2.0**63), "INT", -(2**63)),
        ("-12", "INT", -12),
        ("+12", "INT", 12),
        ("9223372036854775807", "INT", 2**63 - 1),
        ("1", "DOUBLE", 1.0),
        ("-1.5e3", "DOUBLE", -1500.0),
        ("True", "BOOL", True),
        ("FALSE", "BOOL", False),
        ("aGk=", "BYTES", b"hi"),
        ("run-1", "WF_RUN_ID", "run-1"),
        ("run-1.child", "WF_RUN_ID", "run-1.child"),
        ("2026-01-01T00:00:00Z", "TIMESTAMP", "2026-01-01T00:00:00.000Z"),
        (5, "STR", "5"),
        (None, "INT", None),
        ([1], "ARRAY<INT>", [1]),
        ([1, "x"], "JSON_ARR", [1, "x"]),
        ({"a": 1}, "MAP<STR,INT>", {"a": 1}),
    ],
)
def test_casts(value: Any, wanted: str, made: Any) -> None:
    """That a CAST makes."""
    got = cast_to(value, parse_type(wanted), no_structs)
    assert (got, type(got)) == (made, type(made))


@pytest.mark.parametrize(
    ("value", "wanted", "says"),
    [
        (2.0**63, "INT", "does not fit in an INT"),
        ("9223372036854775808", "INT", "is not INT"),
        ("", "INT", "is not INT"),
        (" 1", "INT", "is not INT"),
        ("1_000", "INT", "is not INT"),
        ("1.0", "INT", "is not INT"),
        ("\u0661", "INT", "is not INT"),
        ("nan", "DOUBLE", "is not DOUBLE"),
        ("inf", "DOUBLE", "is not DOUBLE"),
        ("1e999", "DOUBLE", "is not DOUBLE"),
        (".5", "DOUBLE", "is not DOUBLE"),
        ("yes", "BOOL", "is not BOOL"),
        (1, "BOOL", "Cannot cast from INT to BOOL"),
        (True, "INT", "Cannot cast from BOOL to INT"),
        (b"1", "INT", "Cannot cast from BYTES to INT"),
        ("a", "BYTES", "is not BYTES"),
        ("../etc", "WF_RUN_ID", "is not WF_RUN_ID"),
        ("a." * 600 + "a", "WF_RUN_ID", "is not WF_RUN_ID"),
        (1, "TIMESTAMP", "Cannot cast from INT to TIMESTAMP"),
        ({}, "STR", "Cannot cast from JSON_OBJ to STR"),
        ({"a": "x"}, "MAP<STR,INT>", "key 'a': STR 'x' is not INT"),
    ],
)
def test_casts_that_fail(value: Any, wanted: str, says: str) -> None:
    """With the value, or the types."""
    with pytest.raises(ValueProblem, match=says):
        cast_to(value, parse_type(wanted), no_structs)


@given(
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (value, INT))
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda value: (value, DOUBLE))
    | st.booleans().map(lambda value: (value, BOOL))
    | st.binary().map(lambda value: (value, ValueType.BYTES))
)
def test_what_becomes_text_comes_back(case: tuple[Any, ValueType]) -> None:
    """The same, to the last bit."""
    value, kind = case
    text = converted(value, STR, no_structs)
    assert text == text_of(value)
    back = cast_to(text, kind, no_structs)
    assert (back, type(back)) == (value, type(value))
    assert text_of(back) == text
