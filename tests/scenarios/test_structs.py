"""StructDefs: their versions, and values of them."""

from typing import Any

import pytest

from penstock.core.command import Command
from penstock.core.commands.delete_struct_def import DeleteStructDef
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_struct_def import PutStructDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.defs import StructDef
from penstock.core.definitions.updates import AllowedUpdates
from penstock.core.state.failures import Failure
from tests.controls import (
    a_struct,
    a_struct_def,
    a_task_def,
    chain,
    declared,
    event,
    literal,
    output_of,
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


def test_who_registers_a_struct_def_may_want_no_new_version(driver: Driver) -> None:
    """The same again is none; any other is refused, though it would do."""
    street = {"name": "street", "type": "STR"}
    more = [street, {"name": "zip", "type": "STR", "required": False}]
    fixed = {"name": "fixed", "allowed_updates": AllowedUpdates.NO_UPDATES}
    accepted(driver, PutStructDef(fields=[street], **fixed))
    assert accepted(driver, PutStructDef(fields=[street], **fixed)).body["version"] == 1
    answer = refused(driver, PutStructDef(fields=more, **fixed), "ALREADY_EXISTS")
    assert "updates are not allowed" in answer.message
    minor = fixed | {"allowed_updates": AllowedUpdates.MINOR_REVISION_UPDATES}
    assert accepted(driver, PutStructDef(fields=more, **minor)).body["version"] == 2


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ([], "LIMIT", "a StructDef has 1 to 200"),
        ({}, "BAD_TYPE", "Expected `array`"),
        ([{"name": "x"}], "BAD_TYPE", "missing required field `type`"),
        ([{"name": "x", "type": "INT", "more": 1}], "BAD_TYPE", "unknown field `more`"),
        ([{"name": "x", "type": "INTEGER"}], "BAD_TYPE", "field 'x': 'INTEGER' is no type"),
        (
            [{"name": "x", "type": "STRUCT<no>"}],
            "DEFINITION_UNKNOWN",
            "'no' is not registered",
        ),
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


PLACE = "STRUCT{floor?:INT,name:STR}"


def test_a_struct_given_in_place_goes_through_a_run(driver: Driver) -> None:
    """At the start, made of its fields, read by a path, and out again."""
    visit = a_task_def("visit", place=PLACE, returns=f"ARRAY<{PLACE}>")
    made = a_struct("{floor?:INT,name:STR}", name=variable("place", "$.name"))
    register(
        driver,
        "visits",
        chain(
            task("visit", inputs={"place": made}),
            returns=output_of("n1", "$[0].floor"),
            variables=(declared("place", PLACE, required=True),),
        ),
        visit,
    )
    story = run(driver, "visits", place={"name": "roof", "floor": 9})
    story.task("visit", place={"name": "roof"})
    story.succeeds([{"name": "cellar", "floor": -1}]).completes(-1)
    command = RunWf(wf_spec="visits", wf_run_id=driver.new_id(), variables={"place": {"flor": 1}})
    assert "no field 'flor'" in refused(driver, command, "BAD_VALUE").message


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (chain(variables=(declared("v", "STRUCT{b:INT,a:INT}"),)), "write STRUCT{a:INT,b:INT}"),
        (chain(returns=variable("v", "$.c"), variables=(declared("v", "STRUCT{a:INT}"),)), "'c'"),
        (chain(returns=a_struct("{a:INT}", a=literal("x"))), "is not INT"),
        (chain(returns=a_struct("{a:INT}")), "field 'a'"),
        (chain(returns=a_struct("{a}")), "is no field"),
    ],
)
def test_what_is_wrong_with_a_struct_in_place_is_refused(
    memory: Driver, broken: Any, says: str
) -> None:
    """When the spec is registered."""
    assert says in refused(memory, PutWfSpec(name="broken", spec=broken), "BAD_SPEC").message


@pytest.mark.parametrize(
    "early",
    [
        a_task_def("uses", of="ARRAY<STRUCT<late>>"),
        a_task_def("uses", returns="STRUCT<late>"),
        a_struct_def("uses", {"name": "of", "type": "STRUCT{a:STRUCT<late>}"}),
        PutExternalEventDef(name="uses", content_type="STRUCT<late>"),
        PutWorkflowEventDef(name="uses", content_type="MAP<STR,STRUCT<late>>"),
    ],
)
def test_a_definition_that_comes_before_its_struct_def_is_taken_later(
    memory: Driver, early: Command
) -> None:
    """The same command again: that the StructDef was not there yet is not remembered (R12)."""
    sent: dict[str, Any] = {"command_id": "the-same"}
    refused(memory, early, "DEFINITION_UNKNOWN", **sent)
    accepted(memory, a_struct_def("late", {"name": "a", "type": "INT"}))
    assert not accepted(memory, early, **sent).repeated
    assert accepted(memory, early, **sent).repeated


def test_a_run_whose_struct_def_is_deleted_fails_by_name(memory: Driver) -> None:
    """And goes on once it is there again."""
    place = a_struct_def("place", {"name": "street", "type": "STR"})
    to = declared("to", "STRUCT<place>")
    nodes = chain(event("go"), returns=variable("to", "$.street"), variables=(to,))
    register(memory, "goes", nodes, place)
    story = run(memory, "goes", to={"street": "A"})
    accepted(memory, DeleteStructDef(name="place"))
    story.gets("go").ends_with("VAR_SUB_ERROR")
    assert "StructDef 'place'" in (story.thread.failure or Failure("", "")).message
    accepted(memory, place)
    story.is_rescued().completes("A")


@pytest.mark.parametrize(
    "given",
    [
        {"sum": 3, "card": {"no": 4711}},
        {"sum": 3, "card": ["4711"]},
        {"sum": 3, "more": [{"card": 4711}]},
        {"sum": 3, "more": {"card": "4711"}},
        [{"card": "4711"}],
        "4711",
    ],
)
def test_a_refusal_does_not_quote_what_is_masked(memory: Driver, given: Any) -> None:
    """Wherever in the value it stands, and whatever is wrong with it."""
    card = {"name": "card", "type": "STR", "required": False, "masked": True}
    accepted(memory, a_struct_def("part", card))
    more = {"name": "more", "type": "ARRAY<STRUCT<part>>", "required": False}
    accepted(memory, a_struct_def("payment", {"name": "sum", "type": "INT"}, card, more))
    register(memory, "pays", chain(event("go"), variables=(declared("paid", "STRUCT<payment>"),)))
    command = RunWf(wf_spec="pays", wf_run_id="a", variables={"paid": given})
    said = refused(memory, command, "BAD_VALUE").message
    assert "4711" not in said
    assert "variable 'paid'" in said
    story = run(memory, "pays", paid={"sum": 1})
    edit = EditVariable(wf_run_id=story.id, name="paid", value=given)
    assert "4711" not in refused(memory, edit, "BAD_VALUE").message


def test_a_refusal_still_says_what_is_wrong_beside_it(memory: Driver) -> None:
    """A field that is not masked is quoted."""
    card = {"name": "card", "type": "STR", "required": False, "masked": True}
    accepted(memory, a_struct_def("payment", {"name": "sum", "type": "INT"}, card))
    register(memory, "pays", chain(variables=(declared("paid", "STRUCT<payment>"),)))
    given = {"paid": {"sum": "three", "card": "4711"}}
    command = RunWf(wf_spec="pays", wf_run_id="a", variables=given)
    assert "field 'sum': STR 'three' is not INT" in refused(memory, command, "BAD_VALUE").message
