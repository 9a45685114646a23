"""Mistakes with values and variables that are refused when a spec is registered."""

from typing import Any

import pytest

from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.wf_spec import WfSpec
from tests.controls import (
    a_struct,
    a_struct_def,
    a_task_def,
    cast,
    chain,
    changing,
    compare,
    declared,
    edge,
    ends,
    formats,
    literal,
    mutation,
    negated,
    now,
    operate,
    output_of,
    size_of,
    spec,
    starts,
    task,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

ADDRESS = a_struct_def(
    "address",
    {"name": "street", "type": "STR"},
    {"name": "floor", "type": "INT", "required": False, "default": 0},
)


VARIABLES = (
    declared("int", "INT"),
    declared("double", "DOUBLE"),
    declared("str", "STR"),
    declared("bool", "BOOL"),
    declared("obj", "JSON_OBJ"),
    declared("ints", "ARRAY<INT>"),
    declared("map", "MAP<STR,INT>"),
    declared("to", "STRUCT<address>"),
    declared("time", "TIMESTAMP"),
)


def given(value: Any) -> Any:
    """A spec whose node n1 gives this value to an input of type INT."""
    return chain(task("typed", inputs={"n": value}), variables=VARIABLES)


def changes(*args: Any) -> Any:
    """A spec with this mutation on the edge of node ask."""
    nodes = {"ask": task("ask", changing("exit", mutation(*args))), "exit": ends()}
    return spec("ask", nodes, *VARIABLES)


def when(condition: Any) -> Any:
    """A spec with this condition on the edge of node ask."""
    nodes = {"ask": task("ask", edge("exit", condition), edge("exit")), "exit": ends()}
    return spec("ask", nodes, *VARIABLES)


def having(**variable_settings: Any) -> Any:
    """A spec with this variable."""
    return chain(variables=({"name": "v", **variable_settings},))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            given(variable("str")),
            "node 'n1': input 'n': Cannot assign STR to INT without explicit casting",
        ),
        (given(variable("double")), "Cannot assign DOUBLE to INT without explicit casting"),
        (given(variable("bool")), "input 'n': Cannot assign BOOL to INT"),
        (given(cast("INT", variable("bool"))), "node 'n1': Cannot cast from BOOL to INT"),
        (given(cast("NUMBER", variable("str"))), "'NUMBER' is no type; use INT"),
        (given(output_of("n1")), "Cannot assign STR to INT without explicit casting"),
        (given(literal("5")), "input 'n': STR '5' is not INT"),
        (given(variable("none")), "there is no variable 'none'"),
        (given(size_of(variable("none"))), "there is no variable 'none'"),
        (given(variable("ints", "$.a")), "'a' can not be looked up in ARRAY<INT>"),
        (given(variable("to", "$.zip")), "STRUCT<address> has no field 'zip'; it has"),
        (given(variable("to", "$.street")), "Cannot assign STR to INT without explicit casting"),
        (
            given(operate(variable("str"), "SUBTRACT", literal("a"))),
            "SUBTRACT does not work on STR",
        ),
        (given(operate(variable("int"), "ADD", variable("none"))), "there is no variable 'none'"),
        (given(operate(variable("int"), "ADD", variable("str"))), "does not work on INT and STR"),
        (given(operate(literal(1), "ASSIGN", literal(1))), "an operation of mutations"),
        (given(operate(literal(1), "MODULO", literal(1))), "'MODULO' is none of"),
        (given({"from": "SECRETS", "name": "x"}), "'SECRETS' is none of"),
        (given(formats("{1}", literal(1))), "{1} is not there; it has 1 args"),
        (given(formats("{")), "expected {0}, {{ or }} at character 1"),
        (given(a_struct("address")), "field 'street' (STR) must be given"),
        (given(a_struct("address", street=literal("A"))), "Cannot assign STRUCT<address> to INT"),
        (given(now()), "Cannot assign TIMESTAMP to INT"),
        (when(variable("int")), "condition of an edge: Cannot assign INT to BOOL"),
        (when(negated(variable("int"))), "edge to 'exit': Cannot assign INT to BOOL"),
        (
            when(compare(variable("int"), "EQUALS", variable("str"))),
            "node 'ask': condition of the edge to 'exit': INT can not be compared with STR; cast",
        ),
        (when(compare(variable("double"), "LESS_THAN", literal(1))), "compared with INT; cast"),
        (when(compare(variable("obj"), "EQUALS", variable("obj"))), "compare a part of it"),
        (when(compare(variable("bool"), "LESS_THAN", literal(True))), "BOOL has no order; use"),
        (when(compare(variable("str"), "IN", variable("ints"))), "STR can not be IN ARRAY<INT>"),
        (when(compare(variable("time"), "EQUALS", literal("2026-01-01T00:00:00Z"))), "write the"),
        (when(operate(variable("bool"), "AND", variable("int"))), "AND wants BOOL on both sides"),
        (
            changes("int", "ASSIGN", variable("str")),
            "node 'ask': variable 'int': Cannot assign STR to INT without explicit casting",
        ),
        (changes("int", "ADD", variable("str")), "variable 'int': ADD does not work on INT and"),
        (changes("int", "ADD", literal(None)), "ADD: the right side is NULL"),
        (changes("int", "REMOVE_KEY", literal("a")), "REMOVE_KEY does not work on INT and STR"),
        (changes("none", "ADD", literal(1)), "changes 'none', which is no variable"),
        (changes("int", "ASSIGN", literal(1), "$.a"), "'a' can not be looked up in INT"),
        (changes("obj", "ASSIGN", literal(1), "a"), "must begin with '$'"),
        (changes("to", "ASSIGN", literal(1), "$.zip"), "has no field 'zip'"),
        (changes("to", "ADD", literal("x"), "$.floor"), "ADD does not work on INT and STR"),
        (changes("map", "ASSIGN", literal("x"), "$.a"), "variable 'map': STR 'x' is not INT"),
        (changes("ints", "ADD", variable("str")), "Cannot assign STR to INT"),
        (having(type="NOVEL"), "variable 'v': 'NOVEL' is no type; use INT"),
        (having(type="ARRAY<INT>", default=["x"]), "default of variable 'v': item 0: STR 'x'"),
        (having(type="INT", required=True, default=1), "'v' is required and has a default"),
        (having(type="JSON_OBJ", searchable=True), "can not be searchable; use json_indexes"),
        (
            having(type="INT", json_indexes=[{"path": "$.a", "type": "INT"}]),
            "has no json_indexes; use searchable",
        ),
        (
            having(type="JSON_OBJ", json_indexes=[{"path": "a", "type": "INT"}]),
            "json_index that is wrong: path 'a' must begin with '$'",
        ),
        (
            having(type="JSON_OBJ", json_indexes=[{"path": "$.a", "type": "JSON_ARR"}]),
            "json_index of type JSON_ARR; use one of",
        ),
        (
            having(type="MAP<STR,INT>", json_indexes=[{"path": "$.a", "type": "STR"}]),
            "json_index of type STR, but '$.a' leads to INT",
        ),
        (having(type="JSON_OBJ", json_indexes=[{"path": "$.a", "type": "INT"}] * 2), "twice"),
        (having(type="INT", masked=True, searchable=True), "no run can be searched for by it"),
        (
            having(type="JSON_OBJ", masked=True, json_indexes=[{"path": "$.a", "type": "INT"}]),
            "no run can be searched for by it",
        ),
        (
            having(type="INT", access="INHERITED_VAR", searchable=True),
            "runs are searched for by it where it is kept",
        ),
        (having(type="INT", access="PROTECTED_VAR"), "'PROTECTED_VAR' is none of"),
        (
            having(type="INT", access="INHERITED_VAR", required=True),
            "'v' is inherited: it is the parent's",
        ),
    ],
)
def test_a_spec_with_a_mistake_in_a_value_is_refused(memory: Driver, body: Any, says: str) -> None:
    """With the thread, the node, and what to do."""
    for definition in (ADDRESS, a_task_def("ask"), a_task_def("typed", returns="STR", n="INT")):
        accepted(memory, definition)
    answer = refused(memory, PutWfSpec(name="wrong", spec=body), "BAD_SPEC")
    assert says in answer.message
    assert memory.get(WfSpec, "wrong", 1) is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (given(cast("STRUCT<no>", variable("obj"))), "StructDef 'no' is not registered; register"),
        (given(a_struct("nobody")), "StructDef 'nobody' is not registered"),
        (having(type="ARRAY<STRUCT<no>>"), "variable 'v': StructDef 'no' is not registered"),
    ],
)
def test_a_struct_that_a_spec_names_may_come_later(memory: Driver, body: Any, says: str) -> None:
    """The spec is not wrong for that."""
    for definition in (ADDRESS, a_task_def("ask"), a_task_def("typed", returns="STR", n="INT")):
        accepted(memory, definition)
    answer = refused(memory, PutWfSpec(name="early", spec=body), "DEFINITION_UNKNOWN")
    assert says in answer.message


def test_a_variable_may_be_all_that_is_declared(driver: Driver) -> None:
    """And comes back as it was registered."""
    variables = (
        declared("id", "STR", required=True, searchable=True, access="PRIVATE_VAR"),
        declared("order", "JSON_OBJ", json_indexes=[{"path": "$.total", "type": "DOUBLE"}]),
        declared("card", "STR", masked=True),
        declared("tenant", "STR", access="INHERITED_VAR"),
    )
    register(driver, "above", chain(variables=(declared("tenant", "STR"),)))
    register(driver, "declares", {"parent": "above"} | chain(variables=variables))
    row = driver.get(WfSpec, "declares", 1)
    assert row is not None
    [first, second, third, fourth] = row.body.threads["main"].variables
    assert (first.searchable, first.access, third.masked) == (True, "PRIVATE_VAR", True)
    assert (second.json_indexes[0].path, second.access) == ("$.total", "PUBLIC_VAR")
    assert fourth.access == "INHERITED_VAR"


def test_a_name_is_one_variable_in_all_threads(memory: Driver) -> None:
    """But each may have an INPUT."""
    body = chain(starts("other"), variables=(declared("x", "INT"), declared("INPUT", "INT")))
    body["threads"]["other"] = chain(variables=(declared("INPUT", "STR"),))["threads"]["main"]
    accepted(memory, PutWfSpec(name="fine", spec=body))
    body["threads"]["third"] = chain(variables=(declared("x", "INT"),))["threads"]["main"]
    answer = refused(memory, PutWfSpec(name="wrong", spec=body), "BAD_SPEC")
    assert "variable 'x' is declared in thread 'main', too" in answer.message


def test_a_variable_of_another_thread_can_not_be_seen_by_one_beside_it(memory: Driver) -> None:
    """It may be above when the run is there, so it is let be when the spec is registered."""
    body = chain(starts("other"), returns=variable("theirs"))
    body["threads"]["other"] = chain(variables=(declared("theirs", "INT"),))["threads"]["main"]
    register(memory, "beside", body)
    run(memory, "beside").ends_with("VAR_SUB_ERROR")
