"""Types as they are written, and values with parts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.values.types import (
    SIMPLE,
    ArrayOf,
    InlineStruct,
    MapOf,
    StructField,
    StructOf,
    Type,
    ValueProblem,
    ValueType,
    check_type,
    parse_type,
)
from penstock.core.values.value import coerce, encode_value

FIELDS = {
    "street": StructField("street", "STR"),
    "number": StructField("number", "INT", required=False, default=1),
    "since": StructField("since", "TIMESTAMP", required=False),
}
STRUCTS = {"address": FIELDS}.get

types_of_parts: st.SearchStrategy[Type] = st.recursive(
    st.sampled_from(list(ValueType)) | st.builds(StructOf, st.sampled_from(["address", "a.b-c_1"])),
    lambda inner: (
        st.builds(ArrayOf, inner) | st.builds(MapOf, st.sampled_from(sorted(SIMPLE)), inner)
    ),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("INT", ValueType.INT),
        ("ARRAY<INT>", ArrayOf(ValueType.INT)),
        ("MAP<STR,ARRAY<DOUBLE>>", MapOf(ValueType.STR, ArrayOf(ValueType.DOUBLE))),
        ("ARRAY<STRUCT<a.b-c_1>>", ArrayOf(StructOf("a.b-c_1"))),
        ("STRUCT{a:INT}", InlineStruct((StructField("a", "INT"),))),
        (
            "MAP<INT,STRUCT{a?:MAP<STR,INT>,b:STRUCT{c:STRUCT<x>,d:STR},e:STR}>",
            MapOf(
                ValueType.INT,
                InlineStruct(
                    (
                        StructField("a", "MAP<STR,INT>", required=False),
                        StructField("b", "STRUCT{c:STRUCT<x>,d:STR}"),
                        StructField("e", "STR"),
                    )
                ),
            ),
        ),
    ],
)
def test_a_type_is_read(text: str, found: Type) -> None:
    """And written again the same."""
    assert parse_type(text) == found
    assert str(parse_type(text)) == text


@given(types_of_parts)
def test_a_type_is_its_text(kind: Type) -> None:
    """Whatever it is made of."""
    assert parse_type(str(kind)) == kind


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' is no type"),
        ("int", "use INT, DOUBLE"),
        ("TEXT", "'TEXT' is no type"),
        ("ARRAY", "is no type"),
        ("ARRAY<>", "'' in 'ARRAY<>' is no type"),
        ("ARRAY<INT", "is no type"),
        ("ARRAY<INT>>", "'INT>' in"),
        ("ARRAY< INT>", "' INT' in"),
        ("MAP<STR>", "key is one of"),
        ("MAP<JSON_OBJ,INT>", "key is one of"),
        ("MAP<ARRAY<INT>,INT>", "key is one of"),
        ("MAP<STR, INT>", "' INT' in"),
        ("STRUCT<>", "is no type"),
        ("STRUCT{}", "'' is no field"),
        ("STRUCT{a}", "'a' is no field"),
        ("STRUCT{a:}", "'' in"),
        ("STRUCT{a:INT,}", "'' is no field"),
        ("STRUCT{a:INT", "is no type"),
        ("STRUCT{a: INT}", "' INT' in"),
        ("STRUCT{a:INT},b:INT}", "is no type"),
        ("STRUCT{b:INT,a:INT}", "write STRUCT{a:INT,b:INT}"),
        ("STRUCT{a:INT,a:STR}", "field 'a' is there twice"),
        ("STRUCT{a??:INT}", "is no field"),
        ("STRUCT{a:" * 9 + "INT" + "}" * 9, "deeper than 8 levels"),
        ("STRUCT<a b>", "is no type"),
        ("STRUCT<a..b>", "is no type"),
        ("ARRAY<" * 9 + "INT" + ">" * 9, "deeper than 8 levels"),
        ("ARRAY<" * 200 + "INT" + ">" * 200, "1024 characters"),
    ],
)
def test_what_is_no_type(text: str, says: str) -> None:
    """Is said with the part that is wrong."""
    with pytest.raises(ValueProblem, match=says.replace("(", r"\(")):
        parse_type(text)


def test_a_type_of_a_struct_that_is_not_there() -> None:
    """Is seen at any depth."""
    assert check_type("ARRAY<MAP<STR,STRUCT<address>>>", STRUCTS)
    with pytest.raises(ValueProblem, match="StructDef 'person' is not registered"):
        check_type("ARRAY<MAP<STR,STRUCT<person>>>", STRUCTS)


@pytest.mark.parametrize(
    ("value", "kind", "fitted"),
    [
        ([], "ARRAY<INT>", []),
        ([1, 2.0, None], "ARRAY<INT>", [1, 2, None]),
        ([1], "ARRAY<DOUBLE>", [1.0]),
        (["aGk="], "ARRAY<BYTES>", [b"hi"]),
        ([[1], []], "ARRAY<ARRAY<INT>>", [[1], []]),
        ({"a": 1, "b": None}, "MAP<STR,INT>", {"a": 1, "b": None}),
        ({"1": "a", "+02": "b"}, "MAP<INT,STR>", {"1": "a", "2": "b"}),
        ({"TRUE": 1}, "MAP<BOOL,INT>", {"true": 1}),
        ({"1": 1}, "MAP<DOUBLE,INT>", {"1.0": 1}),
        (
            {"2026-01-01T01:00:00+01:00": 1},
            "MAP<TIMESTAMP,INT>",
            {"2026-01-01T00:00:00.000Z": 1},
        ),
        ({"street": "A"}, "STRUCT<address>", {"street": "A", "number": 1}),
        (
            {"street": "A", "number": 2, "since": "2026-01-01T00:00:00Z"},
            "STRUCT<address>",
            {"street": "A", "number": 2, "since": "2026-01-01T00:00:00.000Z"},
        ),
        ({"street": "A", "since": None}, "STRUCT<address>", {"street": "A", "number": 1}),
        ([{"street": "A"}], "ARRAY<STRUCT<address>>", [{"street": "A", "number": 1}]),
    ],
)
def test_values_with_parts_that_fit(value: Any, kind: str, fitted: Any) -> None:
    """Each part as its type has it; null keys there are none."""
    got = coerce(value, kind, STRUCTS)
    assert got == fitted
    assert encode_value(got) == encode_value(fitted)
    assert coerce(got, kind, STRUCTS) == got


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        ({}, "ARRAY<INT>", r"JSON_OBJ {} is not ARRAY<INT>"),
        ([1, "x"], "ARRAY<INT>", r"item 1: STR 'x' is not INT"),
        ([[1, True]], "ARRAY<ARRAY<INT>>", r"item 0: item 1: BOOL true is not INT"),
        ([], "MAP<STR,INT>", r"is not MAP<STR,INT>"),
        ({"a": "x"}, "MAP<STR,INT>", r"key 'a': STR 'x' is not INT"),
        ({"x": 1}, "MAP<INT,INT>", r"STR 'x' is not INT"),
        ({"1": 1, "01": 2}, "MAP<INT,INT>", r"key '1' is there twice"),
        ([], "STRUCT<address>", r"is not STRUCT<address>"),
        ({}, "STRUCT<address>", r"field 'street' \(STR\) must be given"),
        ({"street": None}, "STRUCT<address>", r"field 'street' \(STR\) must be given"),
        ({"street": "A", "zip": 1}, "STRUCT<address>", r"has no field 'zip'; it has"),
        ({"street": 1}, "STRUCT<address>", r"field 'street': INT 1 is not STR"),
        ({}, "STRUCT<person>", r"there is no StructDef 'person'"),
    ],
)
def test_values_with_parts_that_do_not_fit(value: Any, kind: str, says: str) -> None:
    """Said with the place of the part."""
    with pytest.raises(ValueProblem, match=says):
        coerce(value, kind, STRUCTS)


@given(st.permutations(["b", "a", "d", "c"]))
def test_what_is_said_does_not_depend_on_the_order_of_keys(keys: list[str]) -> None:
    """A message is kept in rows, too (I1)."""
    with pytest.raises(ValueProblem) as caught:
        coerce(dict.fromkeys(keys, 1), "MAP<STR,STR>")
    assert "key 'a'" in str(caught.value)
    with pytest.raises(ValueProblem) as caught:
        coerce(dict.fromkeys(keys, 1), "INT")
    assert str(caught.value) == 'JSON_OBJ {"a":1,"b":1,"c":1,"d":1} is not INT'


INLINE = "STRUCT{at:STRUCT<address>,count?:INT,tags?:ARRAY<STR>}"


def test_a_struct_that_is_given_in_place() -> None:
    """Takes what a StructDef of these fields would."""
    fitted = coerce({"at": {"street": "A"}, "count": 2.0, "tags": None}, INLINE, STRUCTS)
    assert fitted == {"at": {"street": "A", "number": 1}, "count": 2}
    assert coerce(fitted, INLINE, STRUCTS) == fitted


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "is not STRUCT{at:"),
        ({}, "field 'at'"),
        ({"at": {"street": "A"}, "cuont": 1}, "has no field 'cuont'"),
        ({"at": {"street": "A"}, "count": "1"}, "field 'count'.*is not INT"),
        ({"at": {}}, "field 'at'.*field 'street'"),
    ],
)
def test_what_does_not_fit_a_struct_in_place(value: Any, says: str) -> None:
    """Is said with the field."""
    with pytest.raises(ValueProblem, match=says):
        coerce(value, INLINE, STRUCTS)


def test_every_struct_def_in_a_struct_in_place_must_be_there() -> None:
    """In each of its branches."""
    assert check_type(INLINE, STRUCTS)
    with pytest.raises(ValueProblem, match="'other' is not registered"):
        check_type("STRUCT{a:STRUCT<address>,b:MAP<STR,STRUCT<other>>}", STRUCTS)
