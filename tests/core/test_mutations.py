"""Mutations: what becomes of a variable, with and without a path."""

import copy
from typing import Any

import msgspec
import pytest

from penstock.core.definitions.graph import Mutation
from penstock.core.flow.mutations import mutated_value
from penstock.core.values.expressions import Evaluation
from penstock.core.values.types import ValueProblem
from tests.controls import literal, mutation, operate, variable
from tests.core.test_expressions import AScope


def mutated(
    declared: str, current: Any, operation: str, value: Any, path: str | None = None
) -> Any:
    """What a mutation makes of the current value; a value that is no form is a literal."""
    form = value if isinstance(value, dict) and "from" in value else literal(value)
    made = mutation("x", operation, form, path)
    read = msgspec.json.decode(msgspec.json.encode(made), type=Mutation)
    scope = AScope(x=current, half=0.5, text="7")
    before = copy.deepcopy(current)
    try:
        return mutated_value(read, declared, current, Evaluation(scope), scope.struct)
    finally:
        assert current == before, "the value that was there stays as it is"


@pytest.mark.parametrize(
    ("declared", "current", "operation", "value", "path", "after"),
    [
        ("INT", 1, "ASSIGN", 2, None, 2),
        ("INT", None, "ASSIGN", 2, None, 2),
        ("INT", 1, "ASSIGN", None, None, None),
        ("DOUBLE", None, "ASSIGN", 2, None, 2.0),
        ("STR", None, "ASSIGN", 2, None, "2"),
        ("BYTES", None, "ASSIGN", "aGk=", None, b"hi"),
        ("INT", None, "ASSIGN", operate(literal(3), "MULTIPLY", variable("half")), None, 1),
        ("INT", 5, "ADD", 2, None, 7),
        ("INT", 5, "MULTIPLY", 1.5, None, 7),
        ("INT", -5, "MULTIPLY", 1.5, None, -7),
        ("INT", 5, "DIVIDE", 2, None, 2),
        ("DOUBLE", 5.0, "DIVIDE", 2, None, 2.5),
        ("STR", "a", "ADD", 1, None, "a1"),
        ("BOOL", True, "AND", False, None, False),
        ("ARRAY<INT>", [1], "ADD", 2, None, [1, 2]),
        ("ARRAY<INT>", [1], "EXTEND", [2, 3], None, [1, 2, 3]),
        ("ARRAY<INT>", [1, 2, 1], "REMOVE_IF_PRESENT", 1, None, [2]),
        ("ARRAY<INT>", [1, 2], "REMOVE_INDEX", 0, None, [2]),
        ("ARRAY<ARRAY<INT>>", [[1]], "ADD", [2], None, [[1], [2]]),
        ("MAP<STR,INT>", {"a": 1}, "EXTEND", {"a": 2, "b": 3}, None, {"a": 2, "b": 3}),
        ("MAP<STR,INT>", {"a": 1}, "REMOVE_KEY", "a", None, {}),
        ("JSON_OBJ", {"a": {}}, "ASSIGN", 1, "$.a.new", {"a": {"new": 1}}),
        ("JSON_OBJ", {"a": [1, 2]}, "ASSIGN", "x", "$.a[0]", {"a": ["x", 2]}),
        ("JSON_OBJ", {"n": 1}, "ADD", 2, "$.n", {"n": 3}),
        ("JSON_OBJ", {"n": 1}, "ADD", 0.5, "$.n", {"n": 1.5}),
        ("JSON_OBJ", {"a": [1]}, "EXTEND", [2], "$.a", {"a": [1, 2]}),
        ("JSON_OBJ", {"a": {"k": 1}}, "REMOVE_KEY", "k", "$.a", {"a": {}}),
        ("MAP<STR,INT>", {}, "ASSIGN", 1, "$.new", {"new": 1}),
        ("MAP<STR,INT>", {"a": 3}, "MULTIPLY", 0.5, "$.a", {"a": 1}),
        ("ARRAY<INT>", [1, 2], "ADD", 5, "$[1]", [1, 7]),
        ("STRUCT<item>", {"name": "a", "count": 1}, "ADD", 1, "$.count", {"name": "a", "count": 2}),
        (
            "STRUCT<item>",
            {"name": "a", "count": 1},
            "ASSIGN",
            7,
            "$.name",
            {"name": "7", "count": 1},
        ),
    ],
)
def test_what_mutations_make(
    declared: str, current: Any, operation: str, value: Any, path: str | None, after: Any
) -> None:
    """In the form of the declared type."""
    made = mutated(declared, current, operation, value, path)
    assert (made, type(made)) == (after, type(after))


@pytest.mark.parametrize(
    ("declared", "current", "operation", "value", "path", "says"),
    [
        ("INT", 1, "ASSIGN", variable("text"), None, "STR '7' is not INT"),
        ("INT", 1, "ASSIGN", variable("half"), None, "is not INT; cast it"),
        ("INT", None, "ADD", 1, None, "the left side is NULL"),
        ("INT", 1, "ADD", None, None, "the right side is NULL"),
        ("INT", 1, "DIVIDE", 0, None, "the right side is 0"),
        ("INT", 2**62, "MULTIPLY", 4.0, None, "does not fit in an INT"),
        ("ARRAY<INT>", [1], "ADD", "x", None, "item 1: STR 'x' is not INT"),
        ("ARRAY<INT>", [1], "REMOVE_INDEX", 1, None, "1 is not there"),
        ("JSON_OBJ", {}, "ASSIGN", 1, "$.a.b", "nothing that 'b' could be put into"),
        ("JSON_OBJ", None, "ASSIGN", 1, "$.a", "nothing that 'a' could be put into"),
        ("JSON_OBJ", {}, "ADD", 1, "$.n", "the left side is NULL"),
        ("JSON_OBJ", {"a": [1]}, "ASSIGN", 1, "$.a[1]", "index 1 is not there"),
        ("JSON_OBJ", {"a": "text"}, "ASSIGN", 1, "$.a.b", "can not be looked up in STR"),
        ("MAP<STR,INT>", {}, "ASSIGN", "x", "$.a", "STR 'x' is not INT"),
        ("STRUCT<item>", {"name": "a"}, "ASSIGN", 1, "$.no", "has no field 'no'"),
        ("STRUCT<item>", {"name": "a"}, "ASSIGN", None, "$.name", "'name' (STR) must be given"),
        ("STR", "x" * 200_000, "ADD", "x" * 100_000, None, "at most"),
    ],
)
def test_what_mutations_refuse(
    declared: str, current: Any, operation: str, value: Any, path: str | None, says: str
) -> None:
    """And nothing is changed."""
    with pytest.raises(ValueProblem) as caught:
        mutated(declared, current, operation, value, path)
    assert says in str(caught.value)
