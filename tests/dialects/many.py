"""A run of a flow in which very much is to be done, on a partition that counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from penstock.core.command import Command
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.task_started import TaskStarted
from penstock.core.commands.tick import Tick
from penstock.core.state.outputs import ScheduledTask, WorkerSignal
from penstock.core.state.published import PublishedOutput, path_of
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, WfRun
from penstock.core.state.timers import Clock, Timer
from penstock.core.state.transitions import NODE_LIVE, TASK_LIVE, THREAD_LIVE, TaskStatus
from penstock.core.values.value import Value
from penstock.flows.compiler import compile_flow
from penstock.flows.reader import read_flow
from tests.sim.growth import Counting, Engine

Meter = tuple[int, int, int, int]
"""The rows that are read, looked through and written, and the bytes of these."""


class Many:
    """A run of a flow that waits at pauses, or for its tasks to be done, in the engine alone."""

    def __init__(self, flow: str, *before: Command, **inputs: Any) -> None:
        self.store = Counting()
        self.engine = Engine(self.store)
        self.tasks = deque[ScheduledTask]()
        self.signals: list[WorkerSignal] = []
        for command in before:
            self.settle(command)
        compiled = compile_flow(read_flow(flow))
        for command in compiled.definitions:
            self.settle(command)
        self.settle(RunWf(compiled.name, "run", variables=inputs))

    def settle(self, command: Command) -> None:
        """All that a command brings about."""
        while True:
            for output in self.engine.fold(command):
                if isinstance(output, ScheduledTask):
                    self.tasks.append(output)
                elif isinstance(output, WorkerSignal):
                    self.signals.append(output)
            state, command = self.engine.partition.state, Tick()
            if state.next_due_ms[Clock.PENDING] > state.log_time_ms:
                return

    def end(self, count: int) -> Meter:
        """So many pauses are passed; what that costs."""
        return self._costs(count, lambda: self.settle(PutExternalEvent("run", "flow.resume")))

    def work(self, count: int) -> Meter:
        """So many tasks are begun and done, in the order in which they came."""
        return self._costs(count, lambda: self.report(self.begin(self.tasks.popleft())))

    def begin(self, task: ScheduledTask) -> ScheduledTask:
        """A worker says that it runs the task."""
        self.settle(TaskStarted(task.wf_run_id, task.guid, task.attempt, worker="w"))
        return task

    def report(self, task: ScheduledTask, status: TaskStatus = TaskStatus.TASK_SUCCESS) -> None:
        """It is done, or ends as it has."""
        self.settle(ReportTask(task.wf_run_id, task.guid, task.attempt, status))

    def _costs(self, count: int, step: Callable[[], None]) -> Meter:
        was = self._meter()
        for _ in range(count):
            step()
        reads, scanned, writes, size = (
            now - before for now, before in zip(self._meter(), was, strict=True)
        )
        return reads, scanned, writes, size

    def _meter(self) -> Meter:
        rows = self.engine.rows
        return rows.reads, rows.scanned, rows.writes, self.store.bytes_written

    @property
    def run(self) -> WfRun:
        """The row of the run."""
        row = self.engine.rows.get(WfRun, WfRun.key("default", "run"))
        assert row is not None
        return row

    def published(self, node: str, *values: str) -> Value:
        """What a node of the run has published there."""
        key = PublishedOutput.key("default", "run", node, path_of(values))
        row = self.engine.rows.get(PublishedOutput, key)
        return None if row is None else row.value

    def live(self) -> int:
        """How many threads, nodes and tasks are at work."""
        found = 0
        kinds = ((ThreadRun, THREAD_LIVE), (NodeRun, NODE_LIVE), (TaskRun, TASK_LIVE))
        for kind, statuses in kinds:
            start = kind.key("default", "run")
            scanned = self.engine.rows.scan(kind, start, start + b"\xff")
            found += sum(1 for _, row in scanned if row.status in statuses)
        return found

    def timers(self) -> list[Timer]:
        """What is still to come due."""
        start = Timer.key()
        return [row for _, row in self.engine.rows.scan(Timer, start, start + b"\xff")]
