"""What a TaskDef says of its tasks: that they return nothing, and what kind of work they are."""

from __future__ import annotations

import pytest

from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.defs import TaskDef
from penstock.core.state.transitions import TaskStatus
from penstock.core.values.types import VOID
from tests.controls import (
    Json,
    a_task_def,
    chain,
    changing,
    compare,
    declared,
    dynamic_task,
    edge,
    ends,
    event,
    formats,
    literal,
    mutation,
    output_of,
    spec,
    task,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

SENDS = a_task_def("send", VOID)


def test_a_task_that_returns_nothing_succeeds_with_nothing(driver: Driver) -> None:
    """The run goes on as after any other."""
    register(driver, "mails", chain(task("send"), returns=literal("sent")), SENDS)
    run(driver, "mails").task("send").succeeds().completes("sent")


@pytest.mark.parametrize("output", [0, "", [], {"id": 1}])
def test_an_output_where_nothing_is_returned_does_not_fit(memory: Driver, output: object) -> None:
    """As any other output of a wrong type: a failure of the attempt, and no refusal."""
    register(memory, "mails", chain(task("send")), SENDS)
    story = run(memory, "mails").task("send").succeeds(output)
    story.ends_with("VAR_MUTATION_ERROR")
    assert story.task_run.status == "TASK_OUTPUT_SERIALIZING_ERROR"
    assert story.thread.failure is not None
    assert "TaskDef 'send' returns nothing" in story.thread.failure.message


def test_a_business_exception_may_still_have_content(memory: Driver) -> None:
    """It is no output."""
    register(memory, "mails", chain(task("send")), SENDS)
    story = run(memory, "mails").task("send").throws("bounced", {"code": 550})
    story.ends_with("bounced", "EXCEPTION")


def test_no_operator_gives_it_an_output_either(memory: Driver) -> None:
    """Null is right."""
    register(memory, "mails", chain(task("send")), SENDS)
    story = run(memory, "mails").task("send")
    done = {**story.task_id, "status": TaskStatus.TASK_SUCCESS}
    story.refuses(ChangeTaskRunState(**done, output="x"), "BAD_VALUE")
    accepted(memory, ChangeTaskRunState(**done))
    story.completes()


def test_a_task_that_is_named_by_its_run_may_return_nothing(memory: Driver) -> None:
    """Its output is null, since only the run can tell."""
    register(memory, "any", chain(dynamic_task(literal("send")), returns=output_of("n1")), SENDS)
    run(memory, "any").task("send").succeeds().completes(None)


READS: list[Json] = [
    chain(task("send"), returns=output_of("n1")),
    chain(task("send"), event("go"), returns=formats("{0}", output_of("n1"))),
    chain(task("send"), task("print", inputs={"text": output_of("n1")})),
    spec(
        "send",
        {
            "send": task("send", edge("end", compare(output_of("send"), "EQUALS", literal(1)))),
            "end": ends(),
        },
    ),
    spec(
        "send",
        {
            "send": task("send", changing("end", mutation("n", "ADD", output_of("send")))),
            "end": ends(),
        },
        declared("n", "INT"),
    ),
]


@pytest.mark.parametrize("made", READS)
def test_nobody_may_read_what_is_not_returned(memory: Driver, made: Json) -> None:
    """It is refused with the spec, by the name of the node."""
    for definition in (SENDS, a_task_def("print", text="STR"), PutExternalEventDef(name="go")):
        accepted(memory, definition)
    answer = refused(memory, PutWfSpec(name="reads", spec=made), "BAD_SPEC")
    assert "is a task that returns nothing" in answer.message


@pytest.mark.parametrize("kind", [f"ARRAY<{VOID}>", f"MAP<STR,{VOID}>", "void"])
def test_nothing_has_no_place_in_a_type(memory: Driver, kind: str) -> None:
    """It stands alone, and only for what a task returns."""
    refused(memory, a_task_def("bad", kind), "BAD_TYPE")
    refused(memory, a_task_def("bad", text=VOID), "BAD_TYPE")
    refused(memory, PutExternalEventDef(name="bad", content_type=VOID), "BAD_TYPE")


def test_a_task_def_has_a_kind(driver: Driver) -> None:
    """A word to group them by; it is part of the definition."""
    mails = PutTaskDef(name="send", kind="e-mail")
    accepted(driver, mails)
    accepted(driver, mails)
    row = driver.get(TaskDef, "send")
    assert row is not None and row.kind == "e-mail"
    refused(driver, PutTaskDef(name="send"), "ALREADY_EXISTS")
    accepted(driver, PutTaskDef(name="print"))


@pytest.mark.parametrize("kind", ["E-Mail", "e mail", "-", "a--b", "k" * 41, "tür"])
def test_a_kind_that_is_no_word_is_refused(memory: Driver, kind: str) -> None:
    """Kebab-case, as names of tenants."""
    assert "kebab-case" in refused(memory, PutTaskDef(name="send", kind=kind), "BAD_NAME").message
