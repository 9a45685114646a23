"""Values in runs: types, expressions, mutations, and what goes wrong with them by name."""

from typing import Any

import pytest

from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_wf import RunWf
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskStatus
from tests.controls import (
    a_struct,
    a_struct_def,
    a_task_def,
    cast,
    chain,
    compare,
    declared,
    edge,
    ends,
    event,
    formats,
    literal,
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
from tests.scenarios.story import accepted, refused, register, run

ADDRESS = a_struct_def(
    "address",
    {"name": "street", "type": "STR"},
    {"name": "floor", "type": "INT", "required": False, "default": 0},
)


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


def test_an_index_into_a_typed_array_must_be_there(memory: Driver) -> None:
    """In a variable, in a task's result, at any depth; in JSON what is not there is null."""
    asked = task("ask")
    for path, json_path in (("$[1]", "$.a[1]"), ("$[0]", "$.a[0]")):
        body = chain(
            asked,
            returns=formats("{0} {1}", variable("obj", json_path), output_of("n1", path)),
            variables=(declared("obj", "JSON_OBJ", default={"a": []}),),
        )
        register(memory, "indexes", body, a_task_def("ask", returns="ARRAY<INT>"))
        story = run(memory, "indexes").task("ask").succeeds([7])
        if path == "$[0]":
            story.completes("null 7")
        else:
            story.ends_with("VAR_SUB_ERROR")
            assert story.thread.failure is not None
            assert "index 1 is not there; it has 1 items" in story.thread.failure.message
    nested = chain(
        returns=variable("rows", "$[0][0]"), variables=(declared("rows", "ARRAY<ARRAY<INT>>"),)
    )
    register(memory, "nested", nested)
    run(memory, "nested", rows=[[5]]).completes(5)
    run(memory, "nested", rows=[[]]).ends_with("VAR_SUB_ERROR")


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
