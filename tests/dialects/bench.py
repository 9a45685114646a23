"""Flows on any driver: deployed as `penstock deploy` does it, their tasks done by the built-in
tasks' own functions, and looked at through the views.
"""

from __future__ import annotations

import time
from typing import Any

from penstock.builtin.tasks import BuiltinTasks
from penstock.core.command import Command
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.task_started import TaskStarted
from penstock.core.ids import partition_of_run
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.run import TaskRun
from penstock.core.state.thread_rows import ChildRun
from penstock.core.state.transitions import THREAD_LIVE, TaskStatus
from penstock.core.views.kestra.dialect import Kestra
from penstock.core.views.kestra.executions import Execution
from penstock.core.views.seen import Seen
from penstock.flows.compiler import compile_flow
from penstock.flows.reader import read_flow
from penstock.gateway.run_words import Asked, lines_of
from penstock.sdk.attempt import Attempt
from penstock.sdk.task import TaskDef
from tests.dialects.histories import assert_execution, seen_of
from tests.scenarios.driver import WAIT_S, Driver
from tests.scenarios.story import Story, accepted
from tests.scenarios.story import run as run_of

OWN = BuiltinTasks()
BUILTIN = {task.name: task for task in OWN.all if not task.is_async}
ROUNDS_MAX = 200
QUIET_S = 0.1
"""So long a real log has to be at rest until no more is expected: what an owner answers to the fold
comes a moment behind it."""


def deploy(driver: Driver, flow: str, *task_defs: PutTaskDef) -> str:
    """Register a flow and what it needs; its name."""
    for task in OWN.all:
        accepted(driver, PutTaskDef(**task_def_of(task)))
    for task_def in task_defs:
        accepted(driver, task_def)
    compiled = compile_flow(read_flow(flow))
    for command in compiled.definitions:
        _registered(driver, command)
    return compiled.name


def _registered(driver: Driver, command: Command) -> None:
    """A schedule's partition may not know the spec yet: the gateway asks again, too."""
    deadline = time.monotonic() + WAIT_S
    while (answer := driver.send(command)).code == "SPEC_UNKNOWN" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert answer.ok, answer


def task_def_of(task: TaskDef[..., Any]) -> dict[str, Any]:
    """The fields of the command that registers a task."""
    definition = task.definition
    return {name: getattr(definition, name) for name in definition.__struct_fields__}


class FlowRun(Story):
    """A run of a flow."""

    def works(self, *names: str, until_quiet: bool = True) -> FlowRun:
        """The built-in worker does what it finds, of these tasks, until there is no more."""
        for _ in range(ROUNDS_MAX):
            found = self._found(names or tuple(BUILTIN))
            for task in found:
                self.is_done(task)
            if not found or not until_quiet or self.run.status not in THREAD_LIVE:
                return self
        raise AssertionError("the run goes on and on")

    def _found(self, names: tuple[str, ...]) -> list[ScheduledTask]:
        """What lies in these queues. A real log is asked only for what the rows say is there: to
        find a queue empty takes its whole time.
        """
        if self.driver.clock is not None:
            return [task for name in names for task in self.driver.tasks(name, 100)]
        due = self._due_or_quiet()
        wanted = [(name, due.count(name)) for name in names if name in due]
        return [task for name, count in wanted for task in self.driver.tasks(name, count)]

    def _due_or_quiet(self) -> list[str]:
        """Wait until there is something to do, or nothing that could bring more goes on."""
        quiet_s = time.monotonic()
        deadline = quiet_s + WAIT_S
        while not (due := self._due(self.id)) and time.monotonic() < deadline:
            if not _is_at_rest(self.driver):
                quiet_s = time.monotonic()
            elif time.monotonic() - quiet_s > QUIET_S:
                break
            time.sleep(0.01)
        return due

    def _due(self, wf_run_id: str) -> list[str]:
        """The tasks that a run, and those below it, have handed out."""
        tasks = self.driver.scan(TaskRun, wf_run_id)
        due = [task.task_def for task in tasks if task.status is TaskStatus.TASK_SCHEDULED]
        for below in self.driver.scan(ChildRun, wf_run_id):
            due += self._due(below.child)
        return due

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
        shown = Execution(self.seen).as_json()
        assert_execution(shown)
        return shown

    @property
    def head(self) -> dict[str, Any]:
        """The execution as it stands in a list."""
        return Execution(self.seen).head()

    @property
    def seen(self) -> Seen:
        """The run, to be looked at."""
        number = partition_of_run(self.id, self.driver.topics.partitions)
        seen = seen_of(self.driver, self.id, number)
        assert seen is not None
        return seen

    def task_runs(self, task_id: str) -> list[dict[str, Any]]:
        """The task runs of one task of the flow, in order."""
        found = self.execution.get("taskRunList", [])
        return [one for one in found if one["taskId"] == task_id]

    def only(self, task_id: str) -> dict[str, Any]:
        """The only task run of a task."""
        [found] = self.task_runs(task_id)
        return found

    def lines(self, **asked: Any) -> list[dict[str, Any]]:
        """The lines of its logs that are asked for."""
        number = partition_of_run(self.id, self.driver.topics.partitions)
        seen = seen_of(self.driver, self.id, number)
        assert seen is not None
        found, whole = lines_of(Kestra(), seen, Asked(**asked))
        assert whole
        return [Kestra().log(seen, line) for line in found]

    def states(self, task_id: str | None = None) -> list[str]:
        """What a task run, or the execution, went through."""
        state = (self.execution if task_id is None else self.only(task_id))["state"]
        return [moment["state"] for moment in state["histories"]]


def _is_at_rest(driver: Driver) -> bool:
    """On a real log: all there is is folded, and no time that is over has yet to be told."""
    ticker = driver.processor._errands.ticker
    return driver._folded_all() and all(
        ticker.due_in_s(partition.shard.partition, partition.state) != 0
        for partition in driver.processor.partitions()
    )


def start(driver: Driver, name: str, wf_run_id: str | None = None, **inputs: Any) -> FlowRun:
    """Start a run of a flow."""
    story = run_of(driver, name, wf_run_id, **inputs)
    return FlowRun(driver, story.id)


def run_flow(driver: Driver, flow: str, **inputs: Any) -> FlowRun:
    """Deploy a flow, run it, and do its built-in tasks."""
    return start(driver, deploy(driver, flow), **inputs).works()
