"""Types that are seen when a spec is registered, and what is refused then."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import msgspec
import pytest

from penstock.core.values.casts import converted
from penstock.core.values.forms import Expression, parts_of
from penstock.core.values.operations import Operation
from penstock.core.values.operations import operate as values_operated
from penstock.core.values.type_check import check_fits, check_part, operation_type, type_of
from penstock.core.values.types import StructField, Type, ValueProblem, parse_type
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
    size_of,
    uuid,
    variable,
)

TYPES = {
    "int": "INT",
    "double": "DOUBLE",
    "bool": "BOOL",
    "str": "STR",
    "bytes": "BYTES",
    "obj": "JSON_OBJ",
    "arr": "JSON_ARR",
    "time": "TIMESTAMP",
    "run": "WF_RUN_ID",
    "ints": "ARRAY<INT>",
    "rows": "ARRAY<ARRAY<INT>>",
    "map": "MAP<STR,INT>",
    "item": "STRUCT<item>",
}
FIELDS = {"name": StructField("name", "STR"), "n": StructField("n", "INT", required=False)}


class Declared:
    """Names for tests: each is called as its type."""

    def variable_type(self, name: str) -> Type | None:
        return parse_type(TYPES[name]) if name in TYPES else None

    def output_type(self, node: str) -> Type | None:
        return self.variable_type(node)

    def struct(self, name: str) -> Mapping[str, StructField] | None:
        return FIELDS if name == "item" else None


NAMES = Declared()
UNKNOWN = variable("obj", "$.somewhere")


def read(form: Any) -> Expression:
    """An expression as it is read from JSON."""
    return msgspec.json.decode(msgspec.json.encode(form), type=Expression)


def v(name: str) -> Any:
    """A variable of this type."""
    return variable(name)


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        (literal(1), "INT"),
        (literal(1.0), "DOUBLE"),
        (literal(None), None),
        (v("int"), "INT"),
        (output_of("ints"), "ARRAY<INT>"),
        (output_of("no-type"), None),
        (UNKNOWN, None),
        (variable("ints", "$[0]"), "INT"),
        (variable("item", "$.name"), "STR"),
        (compare(v("int"), "EQUALS", v("int")), "BOOL"),
        (negated(v("bool")), "BOOL"),
        (size_of(v("arr")), "INT"),
        (cast("DOUBLE", v("str")), "DOUBLE"),
        (cast("STRUCT<item>", v("obj")), "STRUCT<item>"),
        (a_struct("item", name=v("str")), "STRUCT<item>"),
        (formats("{0}", v("int")), "STR"),
        (now(), "TIMESTAMP"),
        (uuid(), "STR"),
        (operate(v("int"), "ADD", v("int")), "INT"),
        (operate(v("int"), "ADD", v("double")), "DOUBLE"),
        (operate(v("double"), "MULTIPLY", v("int")), "DOUBLE"),
        (operate(v("int"), "ADD", UNKNOWN), None),
        (operate(v("double"), "ADD", UNKNOWN), "DOUBLE"),
        (operate(v("str"), "ADD", v("int")), "STR"),
        (operate(v("ints"), "ADD", v("int")), "ARRAY<INT>"),
        (operate(UNKNOWN, "ADD", v("int")), None),
        (operate(UNKNOWN, "AND", v("bool")), "BOOL"),
    ],
)
def test_types_that_can_be_seen(form: Any, kind: str | None) -> None:
    """And nothing is wrong with them."""
    expression = read(form)
    check_part(expression, NAMES)
    found = type_of(expression, NAMES)
    assert (None if found is None else str(found)) == kind


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (variable("int", "$.a"), "'a' can not be looked up in INT"),
        (variable("item", "$.x"), "has no field 'x'"),
        (variable("ints", "$[-1]"), "may not be negative"),
        (compare(v("int"), "EQUALS", v("double")), "INT can not be compared with DOUBLE"),
        (compare(v("double"), "LESS_THAN", literal(1)), "DOUBLE can not be compared with INT"),
        (compare(v("int"), "EQUALS", literal("1")), "INT can not be compared with STR"),
        (compare(v("obj"), "EQUALS", v("obj")), "JSON_OBJ can not be compared"),
        (compare(v("ints"), "EQUALS", UNKNOWN), "ARRAY<INT> can not be compared"),
        (compare(v("bool"), "LESS_THAN", v("bool")), "BOOL has no order"),
        (compare(v("time"), "LESS_THAN", v("str")), "TIMESTAMP can not be compared with STR"),
        (compare(v("time"), "LESS_THAN", literal("soon")), "'soon' is not TIMESTAMP"),
        (
            compare(v("time"), "LESS_THAN", literal("2026-01-01T00:00:00Z")),
            "write the right side as '2026-01-01T00:00:00.000Z'",
        ),
        (
            compare(literal("2026-01-01T00:00:00Z"), "LESS_THAN", v("time")),
            "write the left side as '2026-01-01T00:00:00.000Z'",
        ),
        (compare(v("int"), "IN", v("str")), "INT can not be IN STR"),
        (compare(v("str"), "NOT_IN", v("ints")), "STR can not be NOT_IN ARRAY<INT>"),
        (negated(v("int")), "Cannot assign INT to BOOL"),
        (negated(literal(1)), "INT 1 is not BOOL"),
        (size_of(v("int")), "INT has no size"),
        (size_of(v("item")), "STRUCT<item> has no size"),
        (cast("BOOL", v("int")), "Cannot cast from INT to BOOL"),
        (cast("INT", v("bool")), "Cannot cast from BOOL to INT"),
        (cast("BOOL", literal(1)), "Cannot cast from INT to BOOL"),
        (cast("INT", literal("x")), "STR 'x' is not INT"),
        (cast("STRUCT<none>", v("obj")), "StructDef 'none' is not registered"),
        (a_struct("none"), "StructDef 'none' is not registered"),
        (a_struct("item"), "field 'name' (STR) must be given"),
        (a_struct("item", name=v("str"), x=v("str")), "has no field 'x'"),
        (a_struct("item", name=v("obj")), "field 'name': Cannot assign JSON_OBJ to STR"),
        (
            a_struct("item", name=v("str"), n=v("str")),
            "field 'n': Cannot assign STR to INT without explicit casting",
        ),
        (operate(v("int"), "ADD", v("str")), "ADD does not work on INT and STR"),
        (operate(v("int"), "ADD", literal(None)), "ADD: the right side is NULL"),
        (operate(v("time"), "ADD", v("int")), "ADD does not work on TIMESTAMP and INT"),
        (operate(v("bool"), "ADD", v("bool")), "ADD does not work on BOOL and BOOL"),
        (operate(v("str"), "SUBTRACT", v("str")), "SUBTRACT does not work on STR and STR"),
        (operate(v("str"), "ADD", v("obj")), "ADD does not work on STR and JSON_OBJ"),
        (operate(v("bytes"), "EXTEND", v("int")), "EXTEND does not work on BYTES and INT"),
        (operate(v("arr"), "EXTEND", v("int")), "EXTEND does not work on JSON_ARR and INT"),
        (operate(v("ints"), "ADD", v("str")), "Cannot assign STR to INT"),
        (operate(v("ints"), "EXTEND", v("str")), "Cannot assign STR to INT"),
        (operate(v("ints"), "EXTEND", v("rows")), "Cannot assign ARRAY<ARRAY<INT>> to ARRAY<INT>"),
        (operate(v("rows"), "EXTEND", v("ints")), "to add an item to ARRAY<ARRAY<INT>>, use ADD"),
        (operate(v("map"), "EXTEND", v("obj")), "Cannot assign JSON_OBJ to MAP<STR,INT>"),
        (operate(v("map"), "EXTEND", literal({"a": "x"})), "key 'a': STR 'x' is not INT"),
        (operate(v("ints"), "REMOVE_INDEX", v("str")), "does not work on ARRAY<INT> and STR"),
        (operate(v("ints"), "REMOVE_KEY", v("str")), "does not work on ARRAY<INT> and STR"),
        (operate(v("item"), "REMOVE_KEY", v("str")), "does not work on STRUCT<item> and STR"),
        (operate(v("int"), "AND", v("bool")), "AND wants BOOL on both sides"),
        (operate(UNKNOWN, "OR", v("int")), "OR wants BOOL on both sides"),
    ],
)
def test_what_can_not_work_is_seen(form: Any, says: str) -> None:
    """With the types, and what to do."""
    with pytest.raises(ValueProblem) as caught:
        check_part(read(form), NAMES)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "form",
    [
        compare(v("obj"), "EQUALS", literal(None)),
        compare(literal(None), "NOT_EQUALS", v("ints")),
        compare(v("run"), "EQUALS", literal("run-1")),
        compare(v("time"), "LESS_THAN", literal("2026-01-01T00:00:00.000Z")),
        compare(v("time"), "LESS_THAN", now()),
        compare(v("int"), "LESS_THAN", UNKNOWN),
        compare(UNKNOWN, "IN", v("obj")),
        compare(literal("a"), "IN", literal(["a"])),
        cast("JSON_OBJ", v("item")),
        cast("INT", UNKNOWN),
        operate(v("arr"), "EXTEND", v("ints")),
        operate(v("ints"), "EXTEND", literal([1, 2])),
        operate(v("bytes"), "EXTEND", literal("aGk=")),
        operate(v("obj"), "EXTEND", v("map")),
        operate(v("map"), "REMOVE_KEY", v("int")),
        operate(v("ints"), "REMOVE_IF_PRESENT", v("int")),
        operate(v("arr"), "REMOVE_IF_PRESENT", v("str")),
    ],
)
def test_what_may_work_is_let_be(form: Any) -> None:
    """The run will tell."""
    check_part(read(form), NAMES)


@pytest.mark.parametrize(
    ("form", "wanted", "says"),
    [
        (v("int"), "INT", None),
        (v("int"), "DOUBLE", None),
        (v("int"), "STR", None),
        (v("time"), "STR", None),
        (UNKNOWN, "INT", None),
        (literal(None), "INT", None),
        (literal(5), "STR", None),
        (literal("aGk="), "BYTES", None),
        (literal([1]), "ARRAY<INT>", None),
        (operate(v("int"), "MULTIPLY", v("double")), "INT", None),
        (v("str"), "INT", "Cannot assign STR to INT without explicit casting"),
        (v("double"), "INT", "Cannot assign DOUBLE to INT without explicit casting"),
        (v("int"), "BOOL", "Cannot assign INT to BOOL"),
        (v("obj"), "STRUCT<item>", "without explicit casting"),
        (v("map"), "STR", "Cannot assign MAP<STR,INT> to STR"),
        (literal("5"), "INT", "STR '5' is not INT"),
        (literal(1.0), "INT", "is not INT; cast it"),
        (literal(["x"]), "ARRAY<INT>", "item 0: STR 'x' is not INT"),
    ],
)
def test_what_fits_a_place(form: Any, wanted: str, says: str | None) -> None:
    """Literals are looked at by their values, all else by its type."""
    if says is None:
        check_fits(read(form), parse_type(wanted), NAMES)
        return
    with pytest.raises(ValueProblem) as caught:
        check_fits(read(form), parse_type(wanted), NAMES)
    assert says in str(caught.value)


def test_deeply_nested_expressions_are_checked_at_once() -> None:
    """Each part is looked at a few times, not twice as often at each level."""
    for name, operation in (("ints", "EXTEND"), ("map", "EXTEND"), ("int", "ADD"), ("bool", "OR")):
        to_the_right = to_the_left = v(name)
        for _ in range(31):
            to_the_right = operate(v(name), operation, to_the_right)
            to_the_left = operate(to_the_left, operation, v(name))
        for form in (to_the_right, to_the_left):
            counting = Counting()
            for part in parts_of(read(form)):
                check_part(part, counting)
            assert str(type_of(read(form), counting)) == TYPES[name]
            assert counting.asked < 5_000


class Counting(Declared):
    """Counts how often types are asked for."""

    asked = 0

    def variable_type(self, name: str) -> Type | None:
        self.asked += 1
        return super().variable_type(name)


SAMPLES = {
    "int": 1,
    "double": 1.0,
    "bool": True,
    "str": "a",
    "bytes": b"a",
    "obj": {"a": "x"},
    "arr": ["x"],
    "time": "2026-01-01T00:00:00.000Z",
    "run": "run-1",
    "ints": [1],
    "rows": [[1]],
    "map": {"a": 1},
    "item": {"name": "a"},
}


@pytest.mark.parametrize("operation", [op for op in Operation if op is not Operation.ASSIGN])
def test_what_is_let_be_works_in_the_run(operation: Operation) -> None:
    """For each pair of types; the result is of the type that was seen."""
    decided = 0
    for left, right in product(SAMPLES, SAMPLES):
        try:
            kind = operation_type(parse_type(TYPES[left]), operation, read(v(right)), NAMES)
        except ValueProblem:
            continue
        decided += 1
        made = operate_values(SAMPLES[left], operation, SAMPLES[right])
        assert kind is not None
        assert converted(made, kind, NAMES.struct) == made
    assert decided


def operate_values(left: Any, operation: Operation, right: Any) -> Any:
    """What is made of two samples; an index of 1 is beyond a sample's one item."""
    if operation is Operation.REMOVE_INDEX:
        right -= 1
    return values_operated(left, operation, right)
