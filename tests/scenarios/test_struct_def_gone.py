"""A StructDef is deleted while runs have variables of its type: nothing of that is a defect."""

from penstock.core.commands.delete_struct_def import DeleteStructDef
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.run_wf import RunWf
from penstock.core.ids import partition_of_run
from tests.controls import a_struct_def, chain, declared, event, starts_each, threads, variable
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import migrates, next_version
from tests.scenarios.story import Story, accepted, register, run

POINT = a_struct_def("point", {"name": "x", "type": "INT"})
GONE = DeleteStructDef(name="point")
OF_POINT = declared("p", "STRUCT<point>")


def test_a_variable_of_its_type_is_edited_to_null(memory: Driver) -> None:
    """That it may be null does not depend on what it was."""
    register(memory, "w", chain(event("go"), variables=(OF_POINT,)), POINT)
    story = run(memory, "w", p={"x": 1})
    accepted(memory, GONE)
    story.refuses(EditVariable(wf_run_id=story.id, name="p", value={"x": 2}), "BAD_VALUE")
    accepted(memory, EditVariable(wf_run_id=story.id, name="p", value=None))
    assert story.value("p") is None
    story.gets("go").completes()


def test_a_migration_gives_null_to_a_variable_of_its_type(memory: Driver) -> None:
    """It is said outright."""
    register(memory, "w", chain(event("go")), POINT)
    story = run(memory, "w")
    next_version(memory, "w", chain(event("go"), variables=(OF_POINT,)))
    accepted(memory, GONE)
    migrates(story, version=2, variables={"main": {"p": None}}).gets("go").completes()


def test_threads_whose_elements_were_of_its_type_are_not_begun_any_more(memory: Driver) -> None:
    """It is deleted between two turns in which they are begun."""
    leaf = chain(event("on"), variables=(declared("INPUT", "STRUCT<point>"),))
    made = chain(
        starts_each("leaf", variable("points")), variables=(declared("points", "JSON_ARR"),)
    )
    register(memory, "w", threads(made, leaf=leaf), POINT, PutExternalEventDef(name="on"))
    run_id = _on_partition_0(memory)
    started = RunWf(wf_spec="w", wf_run_id=run_id, variables={"points": [{"x": 1}] * 2_000})
    memory.send_together(started, GONE)
    story = Story(memory, run_id).ends_with("VAR_SUB_ERROR")
    assert story.run.threads < 2_000


def _on_partition_0(memory: Driver) -> str:
    """A run's id: there it meets the deletion at once."""
    ids = (f"run-{number}" for number in range(100))
    return next(one for one in ids if partition_of_run(one, memory.topics.partitions) == 0)
