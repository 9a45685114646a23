"""The index by which runs are found by values of their searchable variables: what is in it."""

from __future__ import annotations

from typing import Any

from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.run_wf import RunWf
from penstock.core.flow.search_index import WHOLE, digest_of
from penstock.core.state.search_rows import IndexedVariable, VariableOf
from tests.controls import (
    a_struct_def,
    a_task_def,
    chain,
    changing,
    declared,
    ends,
    event,
    mutation,
    output_of,
    spec,
    starts,
    task,
    threads,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import migrates, next_version
from tests.scenarios.story import Story, accepted, register, run
from tests.scenarios.test_deletion import is_deleted, nothing_is_left_but, what_is_left
from tests.scenarios.test_replay import replay
from tests.scenarios.test_thread_retention import KEPT_MS, kept, passes


def found(driver: Driver, wf_spec: str, name: str, value: Any, path: str = WHOLE) -> set[str]:
    """The ids of the runs that the index has under a value."""
    wanted = (wf_spec, name, digest_of(path, value))
    rows = driver.everywhere(VariableOf)
    return {row.wf_run_id for row in rows if (row.wf_spec, row.name, row.digest) == wanted}


def customer(**settings: Any) -> Any:
    """A variable by which runs are found."""
    return declared("customer", "STR", searchable=True, **settings)


def test_a_run_is_found_by_the_value_that_a_variable_has_now(driver: Driver) -> None:
    """Not by the one that it had; nor when it is deleted."""
    node = event("go") | {"edges": [changing("exit", mutation("customer", "ASSIGN", _eve()))]}
    register(driver, "order", spec("wait", {"wait": node, "exit": ends()}, customer()))
    story, other = (run(driver, "order", customer="ada") for _ in range(2))
    assert found(driver, "order", "customer", "ada") == {story.id, other.id}
    accepted(driver, EditVariable(wf_run_id=story.id, name="customer", value="bob"))
    assert found(driver, "order", "customer", "ada") == {other.id}
    assert found(driver, "order", "customer", "bob") == {story.id}
    story.gets("go").completes()
    assert found(driver, "order", "customer", "bob") == set()
    assert found(driver, "order", "customer", "eve") == {story.id}
    if driver.clock is not None:
        other.gets("go").completes()
        is_deleted(story)
        is_deleted(other)
        assert driver.everywhere(VariableOf) == []


def _eve() -> Any:
    return {"from": "VALUE", "value": "eve"}


def test_nothing_is_found_by_null_and_nothing_is_kept_for_what_is_not_searchable(
    memory: Driver,
) -> None:
    """Those cost nothing."""
    variables = (customer(), declared("plain", "STR"))
    register(memory, "order", chain(event("go"), variables=variables))
    story = run(memory, "order", plain="ada")
    assert (memory.everywhere(VariableOf), memory.scan(IndexedVariable, story.id)) == ([], [])
    accepted(memory, EditVariable(wf_run_id=story.id, name="customer", value="ada"))
    assert found(memory, "order", "customer", "ada") == {story.id}
    accepted(memory, EditVariable(wf_run_id=story.id, name="customer", value=None))
    assert (memory.everywhere(VariableOf), memory.scan(IndexedVariable, story.id)) == ([], [])


def test_a_long_value_has_a_short_key(memory: Driver) -> None:
    """And a run is found by all of it."""
    register(memory, "order", chain(event("go"), variables=(customer(),)))
    long = "x" * 100_000
    story, other = (run(memory, "order", customer=long + end) for end in ("a", "b"))
    assert found(memory, "order", "customer", long + "a") == {story.id}
    assert found(memory, "order", "customer", long + "b") == {other.id}
    assert all(len(row.own_key()) < 200 for row in memory.everywhere(VariableOf))


def test_parts_of_json_are_found_by_their_paths(driver: Driver) -> None:
    """As values of the index's type; what is not of it is not found, and is no failure."""
    paths = [{"path": "$.total", "type": "DOUBLE"}, {"path": "$.to.city", "type": "STR"}]
    order = declared("order", "JSON_OBJ", json_indexes=paths)
    register(driver, "shop", chain(event("go"), variables=(order,)))
    story = run(driver, "shop", order={"total": 5, "to": {"city": "Ulm"}})
    assert found(driver, "shop", "order", 5.0, "$.total") == {story.id}
    assert found(driver, "shop", "order", "Ulm", "$.to.city") == {story.id}
    odd = {"total": {"no": "number"}, "to": ["Ulm"]}
    accepted(driver, EditVariable(wf_run_id=story.id, name="order", value=odd))
    assert driver.everywhere(VariableOf) == []


def test_what_is_masked_is_not_found(memory: Driver) -> None:
    """Neither a masked field of a struct nor what was made of something masked."""
    card = {"name": "card", "type": "STR", "masked": True}
    accepted(memory, a_struct_def("payment", {"name": "sum", "type": "INT"}, card))
    paths = [{"path": "$.card", "type": "STR"}, {"path": "$.sum", "type": "INT"}]
    variables = (
        declared("paid", "STRUCT<payment>", json_indexes=paths),
        declared("key", "STR", masked=True),
        customer(),
    )
    node = event("go") | {"edges": [changing("wait", mutation("customer", "ASSIGN", _key()))]}
    nodes = {"first": node, "wait": event("on") | {"edges": [{"to": "exit"}]}, "exit": ends()}
    register(memory, "pays", spec("first", nodes, *variables))
    story = run(memory, "pays", paid={"sum": 3, "card": "4711"}, key="k", customer="ada")
    assert found(memory, "pays", "paid", 3, "$.sum") == {story.id}
    assert found(memory, "pays", "paid", "4711", "$.card") == set()
    assert found(memory, "pays", "customer", "ada") == {story.id}
    story.gets("go")
    assert story.value("customer") == "k"
    assert {row.name for row in memory.everywhere(VariableOf)} == {"paid"}


def _key() -> Any:
    return variable("key")


def test_variables_of_threads_below_are_found_and_go_with_their_thread(memory: Driver) -> None:
    """When that is kept for a time only."""
    child = chain(task("work"), variables=(customer(default="ada"),))
    register(memory, "long", threads(chain(starts("child"), event("go")), child=kept(child)))
    story = run(memory, "long")
    assert found(memory, "long", "customer", "ada") == {story.id}
    story.task("work").succeeds().thread_is(1, "COMPLETED")
    passes(memory, KEPT_MS)
    assert (memory.everywhere(VariableOf), memory.scan(IndexedVariable, story.id)) == ([], [])
    story.gets("go").completes()


def test_an_inherited_variable_is_found_by_the_run_that_keeps_it(memory: Driver) -> None:
    """Also when the run below changes it."""
    register(memory, "above", chain(event("go"), variables=(customer(),)))
    node = task("ask") | {"edges": [changing("exit", mutation("customer", "ASSIGN", _answer()))]}
    inherits = declared("customer", "STR", access="INHERITED_VAR")
    below = spec("ask", {"ask": node, "exit": ends()}, inherits) | {"parent": "above"}
    register(memory, "below", below, a_task_def("ask", returns="STR"))
    story = run(memory, "above", customer="ada")
    accepted(memory, RunWf(wf_spec="below", wf_run_id="child", parent=story.id))
    child = Story(memory, f"{story.id}.child")
    child.task("ask").succeeds("bob").completes()
    assert found(memory, "above", "customer", "bob") == {story.id}
    assert len(memory.everywhere(VariableOf)) == 1


def _answer() -> Any:
    return output_of("ask")


def test_a_migrated_run_is_found_as_the_new_version_says(driver: Driver) -> None:
    """By what has become searchable, by what is new, and no more by what is not searchable now."""
    hidden = {"access": "PRIVATE_VAR"}
    old = (customer(**hidden), declared("plain", "STR"), declared("n", "INT", **hidden))
    register(driver, "order", chain(event("go"), variables=old))
    story = run(driver, "order", customer="ada", plain="p", n=5)
    new = (
        declared("customer", "STR", **hidden),
        declared("plain", "STR", searchable=True),
        declared("n", "DOUBLE", searchable=True, **hidden),
        declared("made", "BOOL", searchable=True, default=True),
    )
    next_version(driver, "order", chain(event("go"), variables=new))
    migrates(story)
    assert found(driver, "order", "customer", "ada") == set()
    assert found(driver, "order", "plain", "p") == {story.id}
    assert found(driver, "order", "n", 5.0) == {story.id}
    assert found(driver, "order", "made", True) == {story.id}
    assert len(driver.everywhere(VariableOf)) == 3
    next_version(driver, "order", chain(event("go"), variables=(declared("plain", "STR"),)))
    migrates(story)
    assert driver.everywhere(VariableOf) == []
    assert driver.scan(IndexedVariable, story.id) == []


def test_a_replay_is_found_by_what_it_begins_with(memory: Driver) -> None:
    """Not by a default in the place of a null."""
    nodes = {
        "ask": task("ask") | {"edges": [changing("then", mutation("customer", "ASSIGN", _no()))]},
        "then": event("go") | {"edges": [{"to": "exit"}]},
        "exit": ends(),
    }
    register(memory, "order", spec("ask", nodes, customer(default="ada")))
    story = run(memory, "order").task("ask").succeeds()
    assert found(memory, "order", "customer", "ada") == set()
    again = replay(story, position=2)
    assert memory.everywhere(VariableOf) == []
    first = replay(story)
    assert found(memory, "order", "customer", "ada") == {first.id}
    assert again.value("customer") is None


def _no() -> Any:
    return {"from": "VALUE", "value": None}


def test_nothing_of_the_index_is_left_when_a_family_is_deleted(memory: Driver) -> None:
    """Beside the definitions."""
    register(memory, "order", chain(task("one"), variables=(customer(),)))
    before = what_is_left(memory)
    story = run(memory, "order", customer="ada").task("one").succeeds().completes()
    is_deleted(story)
    nothing_is_left_but(memory, before)
