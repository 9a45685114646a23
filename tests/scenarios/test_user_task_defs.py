"""UserTaskDefs and their versions, and what is refused of a USER_TASK node when its spec is
registered.
"""

from typing import Any

import pytest

from penstock.core.commands.delete_user_task_def import DeleteUserTaskDef
from penstock.core.commands.put_user_task_def import PutUserTaskDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.user_task_def import (
    FieldType,
    LatestUserTaskDef,
    UserTaskDef,
    UserTaskField,
)
from penstock.core.limits import USER_TASK_ACTIONS_MAX, USER_TASK_FIELDS_MAX
from tests.controls import (
    a_form,
    a_task_def,
    cancels,
    chain,
    declared,
    literal,
    reassigns,
    reminds,
    user_task,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

FORM = a_form("agree", agreed="BOOL")


def test_the_same_form_again_is_the_same_version(driver: Driver) -> None:
    """A changed one is a new version."""
    assert accepted(driver, FORM).body == {"name": "agree", "version": 1}
    assert accepted(driver, FORM).body == {"name": "agree", "version": 1}
    changed = a_form("agree", agreed="BOOL", why="STR")
    assert accepted(driver, changed).body == {"name": "agree", "version": 2}
    assert accepted(driver, FORM).body == {"name": "agree", "version": 3}
    latest = driver.get(LatestUserTaskDef, "agree")
    assert latest is not None
    assert latest.version == 3
    second = driver.get(UserTaskDef, "agree", 2)
    assert second is not None
    assert [field.name for field in second.fields] == ["agreed", "why"]


def test_a_form_is_checked(memory: Driver) -> None:
    """Names, and how much of everything."""
    refused(memory, PutUserTaskDef(name="no good"), "BAD_NAME")
    field = UserTaskField("f", FieldType.INT)
    refused(memory, PutUserTaskDef(name="f", fields=(field, field)), "BAD_NAME")
    bad = UserTaskField("no good", FieldType.INT)
    refused(memory, PutUserTaskDef(name="f", fields=(bad,)), "BAD_NAME")
    many = tuple(UserTaskField(f"f{n}", FieldType.INT) for n in range(USER_TASK_FIELDS_MAX + 1))
    refused(memory, PutUserTaskDef(name="f", fields=many), "LIMIT")
    refused(memory, PutUserTaskDef(name="f", description="x" * 4_097), "LIMIT")
    long = UserTaskField("f", FieldType.INT, display_name="x" * 4_097)
    refused(memory, PutUserTaskDef(name="f", fields=(long,)), "LIMIT")


def test_a_spec_stays_with_the_version_it_was_registered_with(memory: Driver) -> None:
    """The newest then, if it names none."""
    spec = chain(user_task("agree", user="ada"))
    register(memory, "ask", spec, FORM)
    accepted(memory, a_form("agree", agreed="BOOL", why="STR"))
    run(memory, "ask").completes_form({"agreed": True}).completes()
    assert accepted(memory, PutWfSpec(name="ask", spec=spec)).body["version"] == 2
    story = run(memory, "ask")
    assert story.user_task.version == 2
    story.completes_form({"agreed": True, "why": "so"}).completes()
    named = chain(user_task("agree", user="ada", version=1))
    accepted(memory, PutWfSpec(name="named", spec=named))
    assert run(memory, "named").user_task.version == 1


def test_the_same_spec_again_is_the_same_version(memory: Driver) -> None:
    """With the version of the form named or not."""
    accepted(memory, FORM)
    for settings in ({}, {"version": 1}):
        spec = chain(user_task("agree", user="ada", **settings))
        assert accepted(memory, PutWfSpec(name="ask", spec=spec)).body["version"] == 1


def test_a_deleted_form_is_used_by_no_new_spec(memory: Driver) -> None:
    """Specs and runs that have it go on; its number is never given again."""
    spec = chain(user_task("agree", user="ada"))
    register(memory, "ask", spec, FORM)
    before = run(memory, "ask")
    accepted(memory, DeleteUserTaskDef(name="agree", version=1))
    refused(memory, DeleteUserTaskDef(name="agree", version=1), "USER_TASK_DEF_UNKNOWN")
    refused(memory, DeleteUserTaskDef(name="agree", version=-1), "USER_TASK_DEF_UNKNOWN")
    for story in (before, run(memory, "ask")):
        story.completes_form({"agreed": True}).completes()
    refused(memory, PutWfSpec(name="new", spec=spec), "DEFINITION_UNKNOWN")
    named = chain(user_task("agree", user="ada", version=1))
    refused(memory, PutWfSpec(name="new", spec=named), "DEFINITION_UNKNOWN")
    assert accepted(memory, FORM).body["version"] == 2
    accepted(memory, a_form("agree", agreed="STR"))
    accepted(memory, DeleteUserTaskDef(name="agree", version=3))
    accepted(memory, PutWfSpec(name="new", spec=spec))
    assert run(memory, "new").user_task.version == 2


NODE = user_task("agree", user="ada")
TASK: dict[str, Any] = {"task": {"task_def": "mail", "inputs": {"to": literal("x")}}}


def acting(**action: Any) -> dict[str, Any]:
    """The node with one action."""
    return NODE | {"actions": [{"hook": "ON_ARRIVAL", "action": TASK} | action]}


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        (user_task("agree"), "neither user_id nor user_group"),
        (NODE | {"user_id": literal(" ")}, "user_id can't be empty"),
        (NODE | {"user_group": literal("a\n")}, "no control characters"),
        (NODE | {"user_id": literal([7])}, "user_id"),
        (NODE | {"user_id": variable("missing")}, "no variable 'missing'"),
        (NODE | {"notes": variable("count")}, "notes"),
        (NODE | {"on_cancellation_exception_name": "TIMEOUT"}, "no name for an exception"),
        (NODE | {"on_cancellation_exception_name": "no good"}, "no name for an exception"),
        (
            NODE | {"actions": [cancels(1)] * (USER_TASK_ACTIONS_MAX + 1)},
            "actions: a node may have",
        ),
        (NODE | {"actions": [cancels(-1)]}, "delay_seconds -1.0"),
        (NODE | {"actions": [cancels(1e12)]}, "delay_seconds 1000000000000.0"),
        (NODE | {"actions": [cancels(literal("soon"))]}, "delay_seconds"),
        (NODE | {"actions": [cancels(variable("missing"))]}, "no variable 'missing'"),
        (NODE | {"actions": [reassigns(1)]}, "neither user_id nor user_group"),
        (NODE | {"actions": [reminds("mail", 1)]}, "input 'to'"),
        (NODE | {"actions": [reminds("mail", 1, to=literal([7]))]}, "input 'to'"),
        (NODE | {"actions": [reminds("mail", 1, to=variable("missing"))]}, "'missing'"),
        (acting(action={}), "exactly one of"),
        (acting(action=TASK | {"cancel": {}}), "exactly one of"),
    ],
)
def test_a_wrong_node_is_refused_by_name(memory: Driver, node: dict[str, Any], fault: str) -> None:
    """When its spec is registered."""
    accepted(memory, FORM)
    accepted(memory, a_task_def("mail", to="STR"))
    spec = chain(node, variables=(declared("count", "JSON_OBJ"),))
    answer = refused(memory, PutWfSpec(name="ask", spec=spec), "BAD_SPEC")
    assert "n1" in answer.message
    assert fault in answer.message


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        (user_task("nothing", user="ada"), "UserTaskDef 'nothing' is not registered"),
        (user_task("agree", user="ada", version=2), "is not registered in version 2"),
        (NODE | {"actions": [reminds("nothing", 1)]}, "TaskDef 'nothing' is not registered"),
    ],
)
def test_what_a_node_names_may_come_later(memory: Driver, node: dict[str, Any], fault: str) -> None:
    """The spec is not wrong for that."""
    accepted(memory, FORM)
    spec = chain(node)
    answer = refused(memory, PutWfSpec(name="ask", spec=spec), "DEFINITION_UNKNOWN")
    assert fault in answer.message


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        (acting(hook="ON_MONDAYS"), "hook"),
        (acting(delay_seconds=True), "delay_seconds"),
        (acting(colour="red"), "colour"),
        (NODE | {"version": 0}, "version"),
    ],
)
def test_a_node_of_the_wrong_form_is_refused(
    memory: Driver, node: dict[str, Any], fault: str
) -> None:
    """Before anything else is looked at."""
    accepted(memory, FORM)
    answer = refused(memory, PutWfSpec(name="ask", spec=chain(node)), "BAD_SPEC")
    assert fault in answer.message
