"""Workflow definitions on any driver: compiled as the gateway does it, their tasks done by whoever
a test says, and looked at through the view.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from penstock.core.commands.put_application import PutApplication
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.ids import partition_of_run
from penstock.core.state.rows import Rows
from penstock.core.state.run import WfRun
from penstock.core.views.seen import Seen
from penstock.core.views.wundaflow.states import MOVES, State
from penstock.core.views.wundaflow.task_runs import TaskRuns
from penstock.core.views.wundaflow.workflow_runs import workflow_run
from penstock.stepped.compiler import compile_workflow
from penstock.stepped.definition import SEND_WEBHOOK, Retry, Step, WorkflowDefinition
from tests.controls import a_task_def
from tests.dialects.bench import OWN, task_def_of
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted
from tests.scenarios.story import run as run_of

HOOKS = "https://shop.example/hooks"
AT_ONCE = None


def a_step_def(name: str, **settings: Any) -> PutTaskDef:
    """A TaskDef that takes the context and gives it back."""
    return a_task_def(name, "JSON_OBJ", context="JSON_OBJ", **settings)


def define(
    driver: Driver,
    name: str,
    *tasks: str | Step,
    retry: Retry | None = None,
    version: int = 1,
    hooks: str = HOOKS,
) -> str:
    """Register an application, its workflow, and the tasks of that; the name of the spec."""
    accepted(driver, PutApplication("shop", hooks))
    definition = WorkflowDefinition(name, "shop", tasks, retry or Retry())
    for step in definition.steps:
        webhook = step.task == SEND_WEBHOOK
        put = PutTaskDef(**task_def_of(OWN.send_webhook)) if webhook else None
        accepted(driver, put or a_step_def(step.task))
    answer = accepted(driver, compile_workflow(definition))
    assert answer.body["version"] == version
    return answer.body["name"]


class WorkflowRun(Story):
    """A run of a workflow."""

    @property
    def shown(self) -> dict[str, Any]:
        """The workflow run."""
        return workflow_run(self._seen())

    @property
    def task_runs(self) -> list[dict[str, Any]]:
        """The task runs, each with its contexts. Whatever it went through was allowed."""
        found = TaskRuns(self._seen())
        shown = [found.as_json(one) for one in found.all()]
        for one in shown:
            states = [State(moment["state"]) for moment in one["history"]]
            assert all(after in MOVES[before] for before, after in pairwise(states)), states
            times = [moment["at"] for moment in one["history"]]
            assert times == sorted(times)
            assert one["state"] == states[-1]
        return shown

    def one(self, step: str) -> dict[str, Any]:
        """The only task run of a step."""
        [found] = [one for one in self.task_runs if one["step"] == step]
        return found

    def went(self, step: str) -> str:
        """What a step went through, as one text."""
        return " ".join(moment["state"] for moment in self.one(step)["history"])

    def states(self) -> str:
        """Where all steps stand, as one text."""
        return " ".join(one["state"] for one in self.task_runs)

    def _seen(self) -> Seen:
        number = partition_of_run(self.id, self.driver.topics.partitions)
        view = self.driver.processor.view(number)
        assert view is not None
        rows = Rows(view)
        run = rows.peek(WfRun, "default", self.id)
        assert run is not None
        spec = rows.peek(WfSpec, "default", run.wf_spec, run.version)
        assert spec is not None
        return Seen(rows, run, spec, number, 0)


def start(
    driver: Driver, spec: str, context: Any = None, wf_run_id: str | None = None
) -> WorkflowRun:
    """Start a run with a context."""
    given = {} if context is None else {"context": context}
    return WorkflowRun(driver, run_of(driver, spec, wf_run_id, **given).id)
