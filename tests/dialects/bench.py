"""Flows on any driver: deployed as `penstock deploy` does it, their tasks done by the built-in
tasks' own functions, and looked at through the views.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from penstock.builtin.tasks import BuiltinTasks
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.task_started import TaskStarted
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.ids import partition_of_run
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.rows import Rows
from penstock.core.state.run import TaskRun, WfRun
from penstock.core.state.thread_rows import ChildRun
from penstock.core.state.transitions import THREAD_LIVE, TaskStatus
from penstock.core.views.kestra.executions import Execution
from penstock.flows.compiler import compile_flow
from penstock.flows.reader import read_flow
from penstock.sdk.attempt import Attempt
from penstock.sdk.task import TaskDef
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted
from tests.scenarios.story import run as run_of

BUILTIN = {task.name: task for task in BuiltinTasks().all if not task.is_async}
ROUNDS_MAX = 200


def deploy(driver: Driver, flow: str, *task_defs: PutTaskDef) -> str:
    """Register a flow and what it needs; its name."""
    for task in BuiltinTasks().all:
        accepted(driver, PutTaskDef(**task_def_of(task)))
    for task_def in task_defs:
        accepted(driver, task_def)
    compiled = compile_flow(read_flow(flow))
    for command in compiled.definitions:
        accepted(driver, command)
    return compiled.name


def task_def_of(task: TaskDef[..., Any]) -> dict[str, Any]:
    """The fields of the command that registers a task."""
    definition = task.definition
    return {name: getattr(definition, name) for name in definition.__struct_fields__}


class FlowRun(Story):
    """A run of a flow."""

    def works(self, *names: str, until_quiet: bool = True) -> FlowRun:
        """The built-in worker does what it finds, of these tasks, until there is no more."""
        for _ in range(ROUNDS_MAX):
            queues = dict.fromkeys(names or BUILTIN, 100)
            if self.driver.clock is None:  # whoever asks a real log for more waits for it
                queues = {name: count for name, count in self.waiting().items() if name in queues}
            found = [
                task for name, count in queues.items() for task in self.driver.tasks(name, count)
            ]
            for task in found:
                self.is_done(task)
            if not found or not until_quiet or self.run.status not in THREAD_LIVE:
                return self
        raise AssertionError("the run goes on and on")

    def waiting(self) -> Counter[str]:
        """How many tasks of the run, and of those below it, wait for a worker, by TaskDef."""
        found: Counter[str] = Counter()
        runs = [self.id]
        for wf_run_id in runs:
            runs += [row.child for row in self.driver.scan(ChildRun, wf_run_id)]
            for task in self.driver.scan(TaskRun, wf_run_id):
                found[task.task_def] += task.status is TaskStatus.TASK_SCHEDULED
        return +found

    def is_done(self, scheduled: ScheduledTask) -> None:
        """A worker does one task, as it does any."""
        own = {"wf_run_id": scheduled.wf_run_id, "guid": scheduled.guid}
        started = TaskStarted(**own, attempt=scheduled.attempt, worker="builtin")
        if not self.driver.send(started).ok:
            return
        report = Attempt(BUILTIN[scheduled.task_def], scheduled, "builtin").run()
        self.driver.send(report)

    @property
    def execution(self) -> dict[str, Any]:
        """The run as an execution."""
        number = partition_of_run(self.id, self.driver.topics.partitions)
        view = self.driver.processor.view(number)
        assert view is not None
        rows = Rows(view)
        run = rows.peek(WfRun, "default", self.id)
        assert run is not None
        spec = rows.peek(WfSpec, "default", run.wf_spec, run.version)
        assert spec is not None
        now_ms = self.driver.clock.now_ms if self.driver.clock else 0
        return Execution(rows, run, spec, partition=number, now_ms=now_ms).as_json()

    def task_runs(self, task_id: str) -> list[dict[str, Any]]:
        """The task runs of one task of the flow, in order."""
        found = self.execution.get("taskRunList", [])
        return [one for one in found if one["taskId"] == task_id]

    def only(self, task_id: str) -> dict[str, Any]:
        """The only task run of a task."""
        [found] = self.task_runs(task_id)
        return found

    def states(self, task_id: str | None = None) -> list[str]:
        """What a task run, or the execution, went through."""
        state = (self.execution if task_id is None else self.only(task_id))["state"]
        return [moment["state"] for moment in state["histories"]]


def start(driver: Driver, name: str, wf_run_id: str | None = None, **inputs: Any) -> FlowRun:
    """Start a run of a flow."""
    story = run_of(driver, name, wf_run_id, **inputs)
    return FlowRun(driver, story.id)


def run_flow(driver: Driver, flow: str, **inputs: Any) -> FlowRun:
    """Deploy a flow, run it, and do its built-in tasks."""
    return start(driver, deploy(driver, flow), **inputs).works()
