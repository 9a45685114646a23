"""W3: a definition says what a step does: whatever a worker does with a context."""

from typing import Any

import pytest

from penstock.core.commands.put_task_def import PutTaskDef
from penstock.sdk.attempt import Attempt
from penstock.sdk.task import TaskDef, task
from penstock.stepped.compiler import compile_workflow
from penstock.stepped.definition import WorkflowDefinition
from tests.controls import a_task_def
from tests.dialects.bench import task_def_of
from tests.dialects.workflows import WorkflowRun, start
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused


@task(name="add-tax")
def add_tax(context: dict[str, Any]) -> dict[str, Any]:
    """Work something out."""
    return context | {"total": context["net"] * 1.2}


@task(name="greet-buyer")
def greet(context: dict[str, Any]) -> dict[str, Any]:
    """Say something."""
    return context | {"said": f"Hello {context['buyer']}"}


def works(run: WorkflowRun, done: TaskDef[..., Any]) -> None:
    """A worker does one of its tasks."""
    run.task(done.name)
    accepted(run.driver, Attempt(done, run.taken, "worker").run())


def test_workers_in_python_do_the_steps(driver: Driver) -> None:
    for one in (add_tax, greet):
        accepted(driver, PutTaskDef(**task_def_of(one)))
    workflow = WorkflowDefinition("sell", "shop", ("add-tax", "greet-buyer"))
    name = accepted(driver, compile_workflow(workflow)).body["name"]
    run = start(driver, name, {"net": 10, "buyer": "Ada"})
    works(run, add_tax)
    works(run, greet)
    run.completes({"net": 10, "buyer": "Ada", "total": 12.0, "said": "Hello Ada"})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (a_task_def("odd", "JSON_OBJ"), "has no input 'context'"),
        (a_task_def("odd", "JSON_OBJ", context="STR"), "input 'context'"),
        (a_task_def("odd", "JSON_OBJ", context="JSON_OBJ", more="STR"), "input 'more'"),
        (a_task_def("odd", "STR", context="JSON_OBJ"), "variable 'context'"),
        (a_task_def("odd", None, context="JSON_OBJ"), "no return_type"),
        (a_task_def("odd", "VOID", context="JSON_OBJ"), "no return_type"),
    ],
)
def test_a_task_that_does_not_hand_on_a_context_is_refused(
    memory: Driver, wrong: PutTaskDef, said: str
) -> None:
    accepted(memory, wrong)
    workflow = compile_workflow(WorkflowDefinition("sell", "shop", ("odd",)))
    assert said in refused(memory, workflow, "BAD_SPEC").message
    unknown = compile_workflow(WorkflowDefinition("sell", "shop", ("unknown",)))
    refused(memory, unknown, "DEFINITION_UNKNOWN")
