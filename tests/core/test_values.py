"""Values, paths and expressions."""

import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.values.expressions import Comparator, Comparison, Literal, check_form
from penstock.core.values.paths import follow_path, parse_path, path_type, put_at
from penstock.core.values.types import StructField, ValueProblem, ValueType, parse_type
from penstock.core.values.value import check_bounds, coerce, encode_value


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
        ("2026-01-01T00:00:00+00:00", "TIMESTAMP", "2026-01-01T00:00:00.000Z"),
        ("run-1.child_2", "WF_RUN_ID", "run-1.child_2"),
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
        ("2026-01-01", "TIMESTAMP"),
        (0, "TIMESTAMP"),
        ("-", "WF_RUN_ID"),
        ("a..b", "WF_RUN_ID"),
    ],
)
def test_values_that_do_not_fit(value: Any, kind: str) -> None:
    """Said with the value and the type."""
    with pytest.raises(ValueProblem):
        coerce(value, ValueType(kind))


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), 2**63, {1: 2}, ("a",)])
def test_what_is_no_value(value: Any) -> None:
    """Is seen wherever bounds are checked."""
    with pytest.raises(ValueProblem):
        check_bounds(value)


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
    ("value", "path", "after"),
    [
        ({"a": {"b": 1}}, "$.a.b", {"a": {"b": 9}}),
        ({"a": {}}, "$.a.new", {"a": {"new": 9}}),
        ({"a": [1, 2]}, "$.a[1]", {"a": [1, 9]}),
        ([1, 2], "$[-1]", [1, 9]),
        ({"a": 1}, "$", 9),
        (None, "$", 9),
    ],
)
def test_writing_at_a_path(value: Any, path: str, after: Any) -> None:
    """The leaf may be new; the value that was there stays as it is."""
    before = copy.deepcopy(value)
    assert put_at(value, path, 9) == after
    assert value == before


@pytest.mark.parametrize(
    ("value", "path", "says"),
    [
        ({}, "$.a.b", "nothing that 'b' could be put into"),
        ({"a": None}, "$.a.b", "nothing that 'b' could be put into"),
        (None, "$.a", "nothing that 'a' could be put into"),
        ({"a": 1}, "$.a.b", "'b' can not be looked up in INT"),
        ([1], "$[1]", "index 1 is not there; it has 1 items"),
        ([1], "$[-2]", "index -2 is not there"),
        ([1], "$.a", "'a' can not be looked up in JSON_ARR"),
        ({}, "$[0]", "0 can not be looked up in JSON_OBJ"),
    ],
)
def test_writing_where_nothing_is(value: Any, path: str, says: str) -> None:
    """Every step but the last must lead somewhere."""
    with pytest.raises(ValueProblem, match=says):
        put_at(value, path, 9)


STRUCTS = {"a": {"n": StructField("n", "INT"), "m": StructField("m", "MAP<STR,STRUCT<a>>")}}.get


@pytest.mark.parametrize(
    ("declared", "path", "found"),
    [
        ("INT", "$", "INT"),
        ("JSON_OBJ", "$.a.b", "None"),
        ("JSON_ARR", "$[0].b", "None"),
        ("ARRAY<INT>", "$[0]", "INT"),
        ("ARRAY<JSON_OBJ>", "$[0].x[1]", "None"),
        ("MAP<STR,ARRAY<BOOL>>", "$.any[3]", "BOOL"),
        ("MAP<INT,STR>", '$["5"]', "STR"),
        ("STRUCT<a>", "$.n", "INT"),
        ("STRUCT<a>", "$.m.x.m.y.n", "INT"),
    ],
)
def test_the_type_at_a_path(declared: str, path: str, found: str) -> None:
    """Is known as far as types go."""
    assert str(path_type(parse_type(declared), path, STRUCTS)) == found


@pytest.mark.parametrize(
    ("declared", "path", "says"),
    [
        ("INT", "$.a", "'a' can not be looked up in INT"),
        ("JSON_OBJ", "$[0]", "0 can not be looked up in JSON_OBJ"),
        ("JSON_ARR", "$.a", "'a' can not be looked up in JSON_ARR"),
        ("ARRAY<INT>", "$[-1]", "may not be negative"),
        ("ARRAY<INT>", "$.a", "'a' can not be looked up in ARRAY<INT>"),
        ("MAP<INT,STR>", "$.x", "'x' is not INT"),
        ("MAP<INT,STR>", '$["05"]', "write the key '05' as '5'"),
        ("MAP<STR,INT>", "$[0]", "0 can not be looked up in MAP"),
        ("STRUCT<a>", "$.x", "has no field 'x'; it has"),
        ("STRUCT<a>", "$.m.k.x", "has no field 'x'; it has"),
        ("STRUCT<b>", "$.x", "there is no StructDef 'b'"),
    ],
)
def test_paths_that_can_never_be(declared: str, path: str, says: str) -> None:
    """Are seen when the spec is registered."""
    with pytest.raises(ValueProblem, match=says):
        path_type(parse_type(declared), path, STRUCTS)


def test_the_depth_of_expressions_is_bounded() -> None:
    """32 levels."""
    nested: Any = Literal(1)
    for _ in range(40):
        nested = Comparison(left=nested, comparator=Comparator.EQUALS, right=Literal(1))
    with pytest.raises(ValueProblem, match="32 levels"):
        check_form(nested)
