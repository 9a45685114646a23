"""W2: names of tasks, workflows and applications are in kebab-case."""

import pytest

from penstock.core.errors import Code, Reject
from penstock.stepped.compiler import compile_workflow
from penstock.stepped.definition import Step, WorkflowDefinition
from tests.dialects.workflows import define, start
from tests.scenarios.driver import Driver

GOOD = ("a", "1", "send-notification-email", "step-2-of-3", "x" * 40)
BAD = ("", "A", "my_task", "my--task", "-a", "a-", "a.b", "a b", "\u00e9t\u00e9", "x" * 41, "a\n")


def test_w02_kebab_case_is_taken(driver: Driver) -> None:
    """Of applications, workflows and tasks, from one character to forty."""
    for name in GOOD:
        start(driver, define(driver, name, name), {}).task(name).succeeds({}).completes({})


@pytest.mark.parametrize("name", BAD)
def test_w02_anything_else_is_refused(name: str) -> None:
    """Wherever it is a name."""
    for wrong in (
        WorkflowDefinition(name, "shop", ("good",)),
        WorkflowDefinition("good", name, ("good",)),
        WorkflowDefinition("good", "shop", (name,)),
        WorkflowDefinition("good", "shop", (Step("good", step=name),)),
    ):
        with pytest.raises(Reject) as refusal:
            compile_workflow(wrong)
        assert refusal.value.code is Code.BAD_NAME
        assert "kebab-case" in refusal.value.message


def test_w02_two_steps_of_one_task_need_names(driver: Driver) -> None:
    with pytest.raises(Reject) as refusal:
        compile_workflow(WorkflowDefinition("twice", "shop", ("call", "call")))
    assert refusal.value.code is Code.BAD_NAME
    assert "'step': 'call-again'" in refusal.value.message
    run = start(driver, define(driver, "twice", "call", Step("call", step="call-again")), {"n": 0})
    run.task("call", context={"n": 0}).succeeds({"n": 1})
    run.task("call", context={"n": 1}).succeeds({"n": 2}).completes({"n": 2})
    assert [found["step"] for found in run.task_runs] == ["call", "call-again"]


def test_w02_a_workflow_has_only_so_many_tasks() -> None:
    tasks = tuple(f"t-{number}" for number in range(5_000))
    with pytest.raises(Reject) as refusal:
        compile_workflow(WorkflowDefinition("long", "shop", tasks))
    assert refusal.value.code is Code.LIMIT
