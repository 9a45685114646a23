"""Values in runs: types, expressions, mutations, and what goes wrong with them by name."""

from typing import Any

import pytest

from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions import StructDef
from penstock.core.run import TaskRun, Variable
from penstock.core.spec import WfSpec
from penstock.core.transitions import TaskStatus
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
    event,
    formats,
    literal,
    mutation,
    negated,
    now,
    operate,
    output_of,
    size_of,
    spec,
    task,
    uuid,
    variable,
)
from tests.scenarios.driver import START_MS, Driver
from tests.scenarios.story import Story, accepted, refused, register, run

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


def test_values_with_parts_travel_through_a_run(driver: Driver) -> None:
    """Given at the start, to a task, from a task, and out again: each in its type's one form."""
    accepted(driver, ADDRESS)
    ship = a_task_def(
        "ship",
        to="STRUCT<address>",
        items="ARRAY<STR>",
        due="TIMESTAMP",
        returns="MAP<STR,ARRAY<INT>>",
    )
    inputs = {name: variable(name) for name in ("to", "items", "due")}
    register(
        driver,
        "ship",
        chain(
            task("ship", inputs=inputs),
            returns=output_of("n1", "$.first[0]"),
            variables=(
                declared("to", "STRUCT<address>", required=True),
                declared("items", "ARRAY<STR>", default=["pen"]),
                declared("due", "TIMESTAMP"),
            ),
        ),
        ship,
    )
    story = run(driver, "ship", to={"street": "A"}, due="2026-01-01T01:00:00+01:00")
    story.task(
        "ship",
        to={"floor": 0, "street": "A"},
        items=["pen"],
        due="2026-01-01T00:00:00.000Z",
    )
    story.succeeds({"first": [7, 8]}).completes(7)


@pytest.mark.parametrize(
    ("variables", "code", "says"),
    [
        ({"n": [1]}, "BAD_VALUE", "variable 'n': JSON_ARR [1] is not INT"),
        ({"items": "x"}, "BAD_VALUE", "is not ARRAY<INT>"),
        ({"items": [1, "x"]}, "BAD_VALUE", "variable 'items': item 1: STR 'x' is not INT"),
        ({"to": {"floor": 1}}, "BAD_VALUE", "field 'street' (STR) must be given"),
        ({"to": {"street": "A", "zip": 1}}, "BAD_VALUE", "has no field 'zip'"),
        ({"at": "tomorrow"}, "BAD_VALUE", "is not TIMESTAMP; write it as 2026-"),
        ({"other": "no id!"}, "BAD_VALUE", "is not WF_RUN_ID"),
        ({"text": 1}, "BAD_VALUE", "variable 'text': INT 1 is not STR"),
        ({"unknown": 1}, "VARIABLE_UNKNOWN", "no variable 'unknown'"),
    ],
)
def test_a_start_with_a_wrong_value_is_refused(
    memory: Driver, variables: dict[str, Any], code: str, says: str
) -> None:
    """By the variable's name and type; no run is made."""
    accepted(memory, ADDRESS)
    kinds = {
        "n": "INT",
        "items": "ARRAY<INT>",
        "to": "STRUCT<address>",
        "at": "TIMESTAMP",
        "other": "WF_RUN_ID",
        "text": "STR",
    }
    register(memory, "typed", chain(variables=tuple(declared(*kind) for kind in kinds.items())))
    answer = refused(memory, RunWf(wf_spec="typed", wf_run_id="a", variables=variables), code)
    assert says in answer.message


def test_a_result_that_is_not_of_the_return_type_fails_the_task(memory: Driver) -> None:
    """With the place of the part that is wrong."""
    register(memory, "counts", chain(task("count")), a_task_def("count", returns="ARRAY<INT>"))
    story = run(memory, "counts").task("count").succeeds([1, 2.5]).ends_with("VAR_MUTATION_ERROR")
    assert story.task_run.status == TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR
    assert story.thread.failure is not None
    assert "item 1: DOUBLE 2.5 is not INT" in story.thread.failure.message


def test_an_events_content_is_checked_by_its_type(memory: Driver) -> None:
    """At any depth."""
    accepted(memory, ADDRESS)
    accepted(memory, PutExternalEventDef(name="moved", content_type="MAP<STR,STRUCT<address>>"))
    register(memory, "waits", chain(event("other")))
    wf_run_id = run(memory, "waits").id
    wrong = PutExternalEvent(wf_run_id=wf_run_id, event_def="moved", content={"x": {"floor": 1}})
    assert "key 'x': STRUCT<address>: field 'street'" in refused(memory, wrong, "BAD_VALUE").message
    right = PutExternalEvent(wf_run_id=wf_run_id, event_def="moved", content={"x": {"street": "A"}})
    accepted(memory, right)


def test_what_a_json_path_leads_to_is_looked_at_when_the_run_has_it(memory: Driver) -> None:
    """A number becomes text, an INT a DOUBLE, null is passed on; a DOUBLE is no INT."""
    work = a_task_def("work", text="STR", real="DOUBLE", whole="INT")
    paths = {name: output_of("n1", f"$.{name}") for name in ("text", "real", "whole")}
    register(memory, "paths", chain(task("ask"), task("work", inputs=paths)), work)
    story = run(memory, "paths").task("ask").succeeds({"text": 5, "real": 2, "whole": None})
    story.task("work", text="5", real=2.0, whole=None).succeeds().completes()

    failed = run(memory, "paths").task("ask").succeeds({"text": "", "real": 1.5, "whole": 3.0})
    failed.ends_with("VAR_SUB_ERROR")
    assert failed.thread.failure is not None
    assert "'whole': DOUBLE 3.0 is not INT; cast it" in failed.thread.failure.message
    tasks = [row.task_def for row in memory.scan(TaskRun, failed.id)]
    assert tasks == ["ask"], "inputs that can not be had make no TaskRun"


def test_inputs_are_worked_out(driver: Driver) -> None:
    """By every form of expression, with the log's time and derived ids."""
    kinds = {
        "total": "DOUBLE",
        "whole": "INT",
        "text": "STR",
        "count": "INT",
        "at": "TIMESTAMP",
        "address": "STRUCT<address>",
        "vip": "BOOL",
        "read": "INT",
    }
    total = operate(variable("price"), "MULTIPLY", variable("pieces"))
    inputs = {
        "total": total,
        "whole": total,
        "text": formats("{0} x {1}: {{{2}}}", variable("pieces"), literal("pen"), total),
        "count": size_of(variable("tags")),
        "at": now(),
        "address": a_struct("address", street=literal("A"), floor=literal(2)),
        "vip": operate(
            compare(literal("vip"), "IN", variable("tags")),
            "AND",
            negated(compare(variable("pieces"), "GREATER_THAN", literal(10))),
        ),
        "read": cast("INT", literal("42")),
    }
    body = chain(
        task("bill", inputs=inputs),
        variables=(
            declared("price", "DOUBLE", default=2.5),
            declared("pieces", "INT", default=3),
            declared("tags", "ARRAY<STR>", default=["new", "vip"]),
        ),
    )
    register(driver, "bill", body, ADDRESS, a_task_def("bill", **kinds))
    story = run(driver, "bill").task("bill")
    given = story.taken.inputs
    assert given.pop("at").endswith("Z")
    assert given == {
        "total": 7.5,
        "whole": 7,
        "text": "3 x pen: {7.5}",
        "count": 2,
        "address": {"street": "A", "floor": 2},
        "vip": True,
        "read": 42,
    }
    story.succeeds().completes()


def test_now_is_the_logs_time_and_uuids_are_derived(memory: Driver) -> None:
    """The same whenever the log is folded; another one at each place and in each run."""
    ids = {"at": now(), "one": uuid(), "two": uuid(), "both": formats("{0} {1}", uuid(), uuid())}
    kinds = a_task_def("mark", at="TIMESTAMP", one="STR", two="STR", both="STR")
    register(memory, "marks", chain(task("mark", inputs=ids), task("mark", inputs=ids)), kinds)
    seen: list[str] = []
    for _ in range(2):
        story = run(memory, "marks")
        for _ in range(2):
            given = story.task("mark").taken.inputs
            assert given["at"] == "2023-11-14T22:13:20.000Z", START_MS
            seen += [given["one"], given["two"], *given["both"].split()]
            story.succeeds()
        story.completes()
    assert len(set(seen)) == len(seen) == 16


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


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (1.0, "DOUBLE can not be compared with INT"),
        ("1", "STR can not be compared with INT"),
        (True, "BOOL can not be compared with INT"),
        ([1], "JSON_ARR can not be compared with INT"),
        (2, "no edge is open"),
    ],
)
def test_a_condition_that_can_not_be_told_fails_the_run(
    memory: Driver, answer: Any, says: str
) -> None:
    """With VAR_SUB_ERROR: nothing is guessed."""
    condition = compare(output_of("ask"), "EQUALS", literal(1))
    nodes = {"ask": task("ask", edge("exit", condition)), "exit": ends()}
    register(memory, "asks", spec("ask", nodes))
    story = run(memory, "asks").task("ask").succeeds(answer).ends_with("VAR_SUB_ERROR")
    assert story.thread.failure is not None
    assert says in story.thread.failure.message


@pytest.mark.parametrize("answer", [None, -5, 0])
def test_null_comes_before_every_number(memory: Driver, answer: Any) -> None:
    """And a condition may ask for it."""
    condition = compare(output_of("ask"), "LESS_THAN", literal(1))
    nodes = {"ask": task("ask", edge("exit", condition)), "exit": ends()}
    register(memory, "asks", spec("ask", nodes))
    run(memory, "asks").task("ask").succeeds(answer).completes()


def test_an_expression_that_takes_too_many_steps_fails_the_run(memory: Driver) -> None:
    """It never holds the engine up."""
    long = variable("text")
    for _ in range(40):
        long = cast("STR", long)
    returns = formats("", *[cast("STR", variable("text")) for _ in range(60)])
    body = chain(returns=returns, variables=(declared("text", "STR"),))
    register(memory, "reads-much", body)
    story = run(memory, "reads-much", text="x" * 200_000).ends_with("VAR_SUB_ERROR")
    assert story.thread.failure is not None
    assert "more than 10000 steps" in story.thread.failure.message
    nested = chain(returns=long, variables=(declared("text", "STR"),))
    answer = refused(memory, PutWfSpec(name="nested", spec=nested), "BAD_SPEC")
    assert "32 levels" in answer.message


# --- what is refused when a spec is registered ----------------------------------------------------

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
        (given(cast("STRUCT<no>", variable("obj"))), "StructDef 'no' is not registered; register"),
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
        (given(operate(literal(1), "MODULO", literal(1))), "Invalid enum value 'MODULO'"),
        (given({"from": "SECRET", "name": "x"}), "Invalid value 'SECRET'"),
        (given(formats("{1}", literal(1))), "{1} is not there; it has 1 args"),
        (given(formats("{")), "expected {0}, {{ or }} at character 1"),
        (given(a_struct("address")), "field 'street' (STR) must be given"),
        (given(a_struct("nobody")), "StructDef 'nobody' is not registered"),
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
        (having(type="ARRAY<STRUCT<no>>"), "variable 'v': StructDef 'no' is not registered"),
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
        (having(type="INT", access="PROTECTED_VAR"), "Invalid enum value 'PROTECTED_VAR'"),
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


def test_a_variable_may_be_all_that_is_declared(driver: Driver) -> None:
    """And comes back as it was registered."""
    variables = (
        declared("id", "STR", required=True, searchable=True, access="PRIVATE_VAR"),
        declared("order", "JSON_OBJ", json_indexes=[{"path": "$.total", "type": "DOUBLE"}]),
        declared("card", "STR", masked=True),
        declared("tenant", "STR", access="INHERITED_VAR"),
    )
    register(driver, "declares", chain(variables=variables))
    row = driver.get(WfSpec, "declares", 1)
    assert row is not None
    [first, second, third, fourth] = row.body.threads["main"].variables
    assert (first.searchable, first.access, third.masked) == (True, "PRIVATE_VAR", True)
    assert (second.json_indexes[0].path, second.access) == ("$.total", "PUBLIC_VAR")
    assert fourth.access == "INHERITED_VAR"


def test_a_name_is_one_variable_in_all_threads(memory: Driver) -> None:
    """But each may have an INPUT."""
    body = chain(variables=(declared("x", "INT"), declared("INPUT", "INT")))
    body["threads"]["other"] = chain(variables=(declared("INPUT", "STR"),))["threads"]["main"]
    accepted(memory, PutWfSpec(name="fine", spec=body))
    body["threads"]["third"] = chain(variables=(declared("x", "INT"),))["threads"]["main"]
    answer = refused(memory, PutWfSpec(name="wrong", spec=body), "BAD_SPEC")
    assert "variable 'x' is declared in thread 'main', too" in answer.message


def test_a_variable_of_another_thread_can_not_be_seen_by_one_beside_it(memory: Driver) -> None:
    """It may be above when the run is there, so it is let be when the spec is registered."""
    body = chain(returns=variable("theirs"))
    body["threads"]["other"] = chain(variables=(declared("theirs", "INT"),))["threads"]["main"]
    register(memory, "beside", body)
    run(memory, "beside").ends_with("VAR_SUB_ERROR")


# --- struct definitions ---------------------------------------------------------------------------


def test_a_struct_def_may_gain_fields_that_are_not_required(driver: Driver) -> None:
    """Runs and tasks take the new version at once, and all that the old one took."""
    street = {"name": "street", "type": "STR"}
    zip_code = {"name": "zip", "type": "STR", "required": False}
    assert accepted(driver, a_struct_def("place", street)).body == {"name": "place", "version": 1}
    assert accepted(driver, a_struct_def("place", street)).body["version"] == 1
    register(driver, "goes", chain(variables=(declared("to", "STRUCT<place>"),)))
    run(driver, "goes", to={"street": "A"}).completes()
    assert accepted(driver, a_struct_def("place", street, zip_code)).body["version"] == 2
    row = driver.get(StructDef, "place")
    assert row is not None
    assert [field.name for field in row.fields] == ["street", "zip"]
    run(driver, "goes", to={"street": "A"}).completes()


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ([], "LIMIT", "a StructDef has 1 to 200"),
        ({}, "BAD_TYPE", "Expected `array`"),
        ([{"name": "x"}], "BAD_TYPE", "missing required field `type`"),
        ([{"name": "x", "type": "INT", "more": 1}], "BAD_TYPE", "unknown field `more`"),
        ([{"name": "x", "type": "INTEGER"}], "BAD_TYPE", "field 'x': 'INTEGER' is no type"),
        ([{"name": "x", "type": "STRUCT<wrong>"}], "BAD_TYPE", "'wrong' is not registered"),
        ([{"name": "x y", "type": "INT"}], "BAD_NAME", "field 'x y' is no name"),
        ([{"name": "x", "type": "INT"}] * 2, "BAD_NAME", "is there twice"),
        ([{"name": "x", "type": "INT", "default": 1}], "BAD_TYPE", "is required and has a default"),
        (
            [{"name": "x", "type": "INT", "required": False, "default": "a"}],
            "BAD_VALUE",
            "default of field 'x': STR 'a' is not INT",
        ),
    ],
)
def test_a_struct_def_with_a_mistake_is_refused(
    memory: Driver, fields: Any, code: str, says: str
) -> None:
    """By the field's name."""
    command = a_struct_def("wrong")
    answer = refused(memory, type(command)(name="wrong", fields=fields), code)
    assert says in answer.message
    assert memory.get(StructDef, "wrong") is None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([{"name": "floor", "type": "INT", "required": False}], "field 'street' is missing"),
        ([{"name": "street", "type": "INT"}], "field 'street' is another one"),
        ([{"name": "street", "type": "STR", "required": False}], "is another one"),
        (
            [*ADDRESS.fields, {"name": "zip", "type": "STR"}],
            """new field 'zip' must have "required": false""",
        ),
    ],
)
def test_a_version_that_would_break_values_or_workers_is_refused(
    memory: Driver, fields: Any, says: str
) -> None:
    """The one before stays."""
    accepted(memory, ADDRESS)
    answer = refused(memory, a_struct_def("address", *fields), "ALREADY_EXISTS")
    assert says in answer.message
    row = memory.get(StructDef, "address")
    assert row is not None
    assert row.version == 1


def test_a_struct_may_hold_itself_where_it_is_not_required(memory: Driver) -> None:
    """A tree: as deep as a value may be."""
    value = {"name": "value", "type": "INT"}
    accepted(memory, a_struct_def("tree", value))
    children = {"name": "children", "type": "ARRAY<STRUCT<tree>>", "required": False}
    accepted(memory, a_struct_def("tree", value, children))
    body = chain(
        returns=variable("top", "$.children[0].value"),
        variables=(declared("top", "STRUCT<tree>"),),
    )
    register(memory, "climbs", body)
    run(memory, "climbs", top={"value": 1, "children": [{"value": 2}]}).completes(2)
    wrong = {"value": 1, "children": [{"value": 2, "children": [{"value": "x"}]}]}
    command = RunWf(wf_spec="climbs", wf_run_id="a", variables={"top": wrong})
    assert "STR 'x' is not INT" in refused(memory, command, "BAD_VALUE").message
