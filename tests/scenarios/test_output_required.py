"""A task that must bring an output: an attempt that brings none that fits is tried again."""

from typing import Any

import pytest

from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.state.transitions import TaskStatus
from tests.controls import a_task_def, chain, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

WORK = a_task_def("work", "JSON_OBJ")


def required(**settings: Any) -> Any:
    """One task, twice at most."""
    return chain(task("work", output_required=True, max_attempts=2, **settings))


@pytest.mark.parametrize("output", [None, 1, "{}", [{}], {"a": "x" * 300_000}])
def test_what_is_no_output_is_tried_again(memory: Driver, output: Any) -> None:
    register(memory, "must", required(), WORK)
    story = run(memory, "must").task("work").starts().succeeds(output)
    assert story.task_run.status is TaskStatus.TASK_SCHEDULED
    story.task("work").succeeds(output)
    story.ends_with("TASK_FAILURE")
    attempt = story.task_run.attempt
    assert (attempt.number, attempt.status) == (2, TaskStatus.TASK_FAILED)
    assert attempt.reported is TaskStatus.TASK_SUCCESS


def test_an_empty_object_is_an_output(driver: Driver) -> None:
    register(driver, "must", required(), WORK)
    run(driver, "must").task("work").succeeds({}).completes()


def test_a_worker_may_say_so_itself(memory: Driver) -> None:
    register(memory, "must", required(), WORK)
    story = run(memory, "must").task("work")
    said = story.report(TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR, error="a lambda")
    accepted(memory, said)
    story.task("work").succeeds({"a": 1}).completes()


def test_an_exception_is_an_answer(memory: Driver) -> None:
    """Unless what it says can not be kept."""
    register(memory, "must", required(), WORK)
    run(memory, "must").task("work").throws("SOLD_OUT").is_now("EXCEPTION")
    story = run(memory, "must").task("work").throws("SOLD_OUT", "x" * 300_000)
    story.task("work").throws("SOLD_OUT").is_now("EXCEPTION")


def test_one_that_was_asked_to_stop_has_stopped(memory: Driver) -> None:
    """What its worker said is kept."""
    register(memory, "must", required(), WORK)
    story = run(memory, "must").task("work").starts().is_shut_down().succeeds(None)
    story.ends_with("TASK_CANCELLED")
    assert story.task_run.attempt.reported is TaskStatus.TASK_SUCCESS


def test_an_operator_must_bring_one_too(memory: Driver) -> None:
    register(memory, "must", required(), WORK)
    story = run(memory, "must").task("work")
    change = ChangeTaskRunState(**story.task_id, status=TaskStatus.TASK_SUCCESS)
    story.refuses(change, "BAD_VALUE")


def test_a_task_def_must_say_what_an_output_is(memory: Driver) -> None:
    accepted(memory, a_task_def("whatever"))
    accepted(memory, a_task_def("nothing", "VOID"))
    for name in ("whatever", "nothing"):
        spec = chain(task(name, output_required=True))
        answer = refused(memory, PutWfSpec("must", spec), "BAD_SPEC")
        assert "no return_type" in answer.message
    unknown = PutWfSpec("must", chain(task("unknown", output_required=True)))
    refused(memory, unknown, "DEFINITION_UNKNOWN")
