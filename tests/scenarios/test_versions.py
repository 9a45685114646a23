"""Versions of WfSpecs: their numbers, which of them a run follows, and what deleting does."""

from typing import Any

import pytest

from penstock.core.commands.delete_external_event_def import DeleteExternalEventDef
from penstock.core.commands.delete_task_def import DeleteTaskDef
from penstock.core.commands.delete_wf_spec import DeleteWfSpec
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.remove_definition import RemoveDefinition
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.defs import TaskDef
from penstock.core.definitions.updates import AllowedUpdates
from penstock.core.definitions.wf_spec import LatestWfSpec, WfSpec
from penstock.core.state.rows import Rows
from tests.controls import a_task_def, chain, declared, edge, ends, event, literal, spec, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run

WHO = declared("who", "STR", required=True)


def put(driver: Driver, body: Any) -> tuple[int, str]:
    """Register a version of the spec `job`: its number, and major.revision."""
    answer = accepted(driver, PutWfSpec(name="job", spec=body)).body
    return answer["version"], f"{answer['major']}.{answer['revision']}"


def follows(driver: Driver, **chosen: int) -> int:
    """The version that a run follows which is started with these settings, on any partition."""
    found = set()
    for _ in range(6):
        answer = accepted(driver, RunWf(wf_spec="job", wf_run_id=driver.new_id(), **chosen))
        found.add(answer.body["version"])
    [version] = found
    return version


def test_versions_are_numbered_by_what_changes(memory: Driver) -> None:
    """Revisions, and major versions where starters or readers must know."""
    numbers = [
        put(memory, chain(returns=literal(1))),
        put(memory, chain(returns=literal(2))),
        put(memory, chain(returns=literal("text"))),
        put(memory, chain(returns=literal("text"), variables=(WHO,))),
        put(memory, chain(returns=literal("other"), variables=(WHO,))),
        put(memory, chain(returns=literal("other"), variables=(declared("who", "STR"),))),
    ]
    assert numbers == [(1, "0.0"), (2, "0.1"), (3, "1.0"), (4, "2.0"), (5, "2.1"), (6, "3.0")]


def test_a_run_follows_the_version_that_it_asks_for(memory: Driver) -> None:
    """By its number, by a major version, by major.revision; else the newest."""
    for body in (1, 2, "a", "b", "c"):
        put(memory, chain(returns=literal(body)))
    assert follows(memory) == 5
    assert follows(memory, version=2) == 2
    assert (follows(memory, major=0), follows(memory, major=1)) == (2, 5)
    assert (follows(memory, major=0, revision=0), follows(memory, major=1, revision=1)) == (1, 4)


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ({"version": 9}, "SPEC_UNKNOWN"),
        ({"version": -1}, "SPEC_UNKNOWN"),
        ({"major": 3}, "SPEC_UNKNOWN"),
        ({"major": -1}, "SPEC_UNKNOWN"),
        ({"major": 0, "revision": 2}, "SPEC_UNKNOWN"),
        ({"major": 1, "revision": -1}, "SPEC_UNKNOWN"),
        ({"major": 0, "revision": -9}, "SPEC_UNKNOWN"),
        ({"revision": 0}, "BAD_VALUE"),
        ({"version": 1, "major": 0}, "BAD_VALUE"),
    ],
)
def test_a_version_that_is_not_there(memory: Driver, chosen: Any, code: str) -> None:
    """It is named in the refusal."""
    for body in (1, 2, "a"):
        put(memory, chain(returns=literal(body)))
    refused(memory, RunWf(wf_spec="job", wf_run_id="r", **chosen), code)


def test_a_frozen_variable_never_changes_its_type(memory: Driver) -> None:
    """Not even if a version in between was without it."""
    put(memory, chain(variables=(WHO,)))
    put(memory, chain())
    wrong = chain(variables=(declared("who", "INT", access="PRIVATE_VAR"),))
    answer = refused(memory, PutWfSpec(name="job", spec=wrong), "BAD_SPEC")
    said = "variable 'who' was STR in an earlier version and can not become INT"
    assert answer.message == f"thread 'main': {said}; declare one of another name"
    put(memory, chain(variables=(declared("who", "STR"),)))


def test_a_revision_that_breaks_says_what(memory: Driver) -> None:
    """A code of its own: the caller may want to allow it."""
    put(memory, chain())
    minor = AllowedUpdates.MINOR_REVISION_UPDATES
    command = PutWfSpec(name="job", spec=chain(variables=(WHO,)), allowed_updates=minor)
    answer = refused(memory, command, "BREAKING_UPDATE")
    assert "the required variables (with who)" in answer.message
    private = declared("kept", "INT", access="PRIVATE_VAR")
    accepted(memory, PutWfSpec(name="job", spec=chain(variables=(private,)), allowed_updates=minor))


def test_no_run_follows_a_deleted_version_any_more(driver: Driver) -> None:
    """Those that do go on; the newest version that is left is the newest."""
    register(driver, "job", chain(task("work")))
    first = run(driver, "job")
    first.task("work")
    register(driver, "job", chain(task("work"), returns=literal(2)))
    accepted(driver, DeleteWfSpec(name="job", version=1), command_id="delete-1")
    assert accepted(driver, DeleteWfSpec(name="job", version=1), command_id="delete-1").repeated
    refused(driver, DeleteWfSpec(name="job", version=1), "SPEC_UNKNOWN")
    first.succeeds().completes()
    answer = driver.send(RunWf(wf_spec="job", wf_run_id=first.id + "x", version=1))
    assert answer.code == "SPEC_UNKNOWN"


def test_deleting_the_newest_version_brings_back_the_one_before(memory: Driver) -> None:
    """Its number is not given again, not even to the same spec."""
    for body in (1, 2, 3, "a"):
        put(memory, chain(returns=literal(body)))
    accepted(memory, DeleteWfSpec(name="job", version=2))
    accepted(memory, DeleteWfSpec(name="job", version=3))
    assert (follows(memory), follows(memory, major=0)) == (4, 1)
    accepted(memory, DeleteWfSpec(name="job", version=4))
    assert follows(memory) == 1
    refused(memory, RunWf(wf_spec="job", wf_run_id="r", major=1), "SPEC_UNKNOWN")
    assert put(memory, chain(returns=literal(1))) == (1, "0.0"), "it is the newest now"
    assert put(memory, chain(returns=literal("a"))) == (5, "1.1")
    assert (follows(memory), follows(memory, major=1)) == (5, 5)


def test_when_all_versions_are_deleted_the_name_is_free(memory: Driver) -> None:
    """For any spec, with new numbers; nothing is frozen any more."""
    put(memory, chain(variables=(WHO,)))
    accepted(memory, DeleteWfSpec(name="job", version=1))
    refused(memory, RunWf(wf_spec="job", wf_run_id="r"), "SPEC_UNKNOWN")
    refused(memory, DeleteWfSpec(name="job", version=2), "SPEC_UNKNOWN")
    latest = memory.get(LatestWfSpec, "job")
    assert latest is not None
    assert (latest.version, latest.last) == (0, 1)
    assert put(memory, chain(variables=(declared("who", "INT"),))) == (2, "1.0")
    assert follows(memory) == 2
    kept = memory.get(WfSpec, "job", 1)
    assert kept is not None
    assert kept.deleted_ms is not None


def test_a_task_whose_def_is_deleted_fails_by_name(driver: Driver) -> None:
    """What was handed out is still reported; the next TASK node of that def fails."""
    body = spec(
        "one",
        {
            "one": task("work", edge("two")),
            "two": task("work", edge("exit")),
            "exit": ends(),
        },
    )
    register(driver, "job", body)
    story = run(driver, "job").task("work")
    accepted(driver, DeleteTaskDef(name="work"))
    refused(driver, DeleteTaskDef(name="work"), "TASK_DEF_UNKNOWN")
    answer = refused(driver, PutWfSpec(name="more", spec=chain(task("work"))), "DEFINITION_UNKNOWN")
    assert "TaskDef 'work' is not registered" in answer.message
    story.wait(lambda: _task_def_is_gone(driver), "every partition to know")
    story.succeeds().ends_with("TASK_FAILURE")
    assert story.thread.failure is not None
    assert "'work'" in story.thread.failure.message
    accepted(driver, a_task_def("work", other="INT"))


def _task_def_is_gone(driver: Driver) -> bool:
    """Whether no partition has the TaskDef any more."""
    views = [driver.processor.view(number) for number in driver.processor.owned()]
    return all(
        view is not None and Rows(view).peek(TaskDef, "default", "work") is None for view in views
    )


def test_no_event_of_a_deleted_def_can_be_put(memory: Driver) -> None:
    """Those that were put are still taken."""
    register(memory, "job", chain(task("work"), event("go")))
    story = run(memory, "job").task("work").gets("go")
    waiting = run(memory, "job").task("work").succeeds()
    accepted(memory, DeleteExternalEventDef(name="go"))
    refused(memory, DeleteExternalEventDef(name="go"), "EVENT_DEF_UNKNOWN")
    story.succeeds().completes()
    refused(memory, PutExternalEvent(wf_run_id=waiting.id, event_def="go"), "EVENT_DEF_UNKNOWN")
    assert Story(memory, waiting.id).run.status == "RUNNING"


def test_only_the_engine_removes_definitions(memory: Driver) -> None:
    """A client deletes them on partition 0."""
    refused(memory, RemoveDefinition(kind="TaskDef", key=b"work"), "FORBIDDEN")
