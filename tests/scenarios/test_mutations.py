"""Mutations of edges: what becomes of variables, all or nothing."""

from typing import Any

import pytest

from penstock.core.state.run import Variable
from tests.controls import (
    a_struct_def,
    a_task_def,
    changing,
    declared,
    ends,
    literal,
    mutation,
    output_of,
    size_of,
    spec,
    task,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, register, run

ADDRESS = a_struct_def(
    "address",
    {"name": "street", "type": "STR"},
    {"name": "floor", "type": "INT", "required": False, "default": 0},
)


def value_of(story: Story, name: str) -> Any:
    """What a variable of the run is now; null if it has no row."""
    row = story.driver.get(Variable, story.id, 0, name)
    return None if row is None else row.value


def changed(*mutations: Any, **variables: str) -> Any:
    """A spec that does these mutations when task `ask` is done; `name=TYPE` declares variables."""
    nodes = {"ask": task("ask", changing("exit", *mutations)), "exit": ends()}
    return spec("ask", nodes, *(declared(name, kind) for name, kind in variables.items()))


@pytest.mark.parametrize(
    ("kind", "default", "operation", "value", "after"),
    [
        ("INT", 5, "ASSIGN", 6, 6),
        ("INT", 5, "ADD", 2, 7),
        ("INT", 5, "SUBTRACT", 2, 3),
        ("INT", 5, "MULTIPLY", 1.5, 7),
        ("INT", 5, "DIVIDE", 2, 2),
        ("INT", 5, "POW", 3, 125),
        ("DOUBLE", 5.0, "DIVIDE", 2, 2.5),
        ("STR", "a", "ADD", "b", "ab"),
        ("STR", "a", "EXTEND", 1, "a1"),
        ("JSON_ARR", [1], "ADD", [2], [1, [2]]),
        ("JSON_ARR", [1], "EXTEND", [2], [1, 2]),
        ("ARRAY<INT>", [1], "EXTEND", [2], [1, 2]),
        ("ARRAY<INT>", [1, 2, 1], "REMOVE_IF_PRESENT", 1, [2]),
        ("ARRAY<INT>", [1, 2], "REMOVE_INDEX", 0, [2]),
        ("MAP<STR,INT>", {"a": 1}, "EXTEND", {"b": 2}, {"a": 1, "b": 2}),
        ("MAP<STR,INT>", {"a": 1, "b": 2}, "REMOVE_KEY", "a", {"b": 2}),
        ("JSON_OBJ", {"a": 1}, "REMOVE_KEY", "none", {"a": 1}),
        ("BOOL", True, "AND", False, False),
        ("BOOL", False, "OR", True, True),
    ],
)
def test_an_edge_changes_a_variable_by_each_operation(
    memory: Driver, kind: str, default: Any, operation: str, value: Any, after: Any
) -> None:
    """As the type's values have it."""
    nodes = {
        "ask": task("ask", changing("exit", mutation("x", operation, literal(value)))),
        "exit": ends(variable("x")),
    }
    register(memory, "changes", spec("ask", nodes, declared("x", kind, default=default)))
    run(memory, "changes").task("ask").succeeds().completes(after)


def test_a_mutation_at_a_path_changes_a_part(driver: Driver) -> None:
    """Later mutations see what earlier ones did."""
    mutations = (
        mutation("order", "ASSIGN", output_of("ask", "$.name"), "$.buyer.name"),
        mutation("order", "ADD", literal(1), "$.count"),
        mutation("order", "EXTEND", literal(["b"]), "$.items"),
        mutation("order", "ASSIGN", variable("order", "$.count"), "$.again"),
        mutation("to", "ASSIGN", size_of(variable("order", "$.items")), "$.floor"),
    )
    body = changed(*mutations, order="JSON_OBJ", to="STRUCT<address>")
    register(driver, "parts", body, ADDRESS, a_task_def("ask"))
    order = {"buyer": {"id": 1}, "count": 1, "items": ["a"]}
    story = run(driver, "parts", order=order, to={"street": "A"})
    story.task("ask").succeeds({"name": "Ada"}).completes()
    assert value_of(story, "order") == {
        "again": 2,
        "buyer": {"id": 1, "name": "Ada"},
        "count": 2,
        "items": ["a", "b"],
    }
    assert value_of(story, "to") == {"street": "A", "floor": 2}


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (mutation("n", "ADD", output_of("ask", "$.text")), "ADD does not work on INT and STR"),
        (mutation("n", "ADD", output_of("ask", "$.none")), "ADD: the right side is NULL"),
        (mutation("n", "DIVIDE", output_of("ask", "$.zero")), "DIVIDE: the right side is 0"),
        (mutation("n", "POW", literal(2**40)), "the result does not fit in 64 bits"),
        (mutation("n", "ASSIGN", output_of("ask", "$.real")), "DOUBLE 1.5 is not INT; cast it"),
        (mutation("obj", "ASSIGN", literal(1), "$.a.b"), "nothing that 'b' could be put into"),
        (mutation("ints", "REMOVE_INDEX", literal(9)), "9 is not there; it has 1 items"),
        (mutation("ints", "ADD", output_of("ask", "$.text")), "item 1: STR 'x' is not INT"),
        (mutation("n", "ASSIGN", size_of(output_of("ask", "$.zero"))), "INT has no size"),
        (mutation("unset", "ADD", literal(1)), "ADD: the left side is NULL"),
    ],
)
def test_mutations_of_an_edge_are_done_all_or_none(memory: Driver, second: Any, says: str) -> None:
    """The second fails: the first is undone, and the run ends with VAR_MUTATION_ERROR."""
    first = mutation("first", "ADD", literal(1))
    nodes = {"ask": task("ask", changing("exit", first, second)), "exit": ends()}
    variables = (
        declared("first", "INT", default=1),
        declared("n", "INT", default=7),
        declared("unset", "INT"),
        declared("obj", "JSON_OBJ", default={}),
        declared("ints", "ARRAY<INT>", default=[1]),
    )
    register(memory, "rolls-back", spec("ask", nodes, *variables))
    output = {"text": "x", "zero": 0, "real": 1.5, "none": None}
    story = run(memory, "rolls-back").task("ask").succeeds(output).ends_with("VAR_MUTATION_ERROR")
    assert story.thread.failure is not None
    assert says in story.thread.failure.message
    assert f"variable {second['variable']!r}" in story.thread.failure.message
    assert [value_of(story, name) for name in ("first", "n", "obj")] == [1, 7, {}]
