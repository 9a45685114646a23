"""Flows of one task that a worker of ours does, step by step."""

from __future__ import annotations

from typing import Any

from tests.controls import a_task_def
from tests.dialects.bench import FlowRun, deploy, start
from tests.scenarios.driver import Driver

HEAD = "id: f\nnamespace: company.team\n"
WORK = "tasks: [{id: work, type: task, taskDef: hand}]\n"
RETRIED = (
    "tasks:\n  - id: work\n    type: task\n    taskDef: hand\n"
    "    retry: {type: constant, interval: PT0.2S, maxAttempt: 3}\n"
)
RETRY_MS = 300


def flow(driver: Driver, text: str = WORK, **inputs: Any) -> FlowRun:
    """A run of a flow whose task is `hand`."""
    return start(driver, deploy(driver, HEAD + text, a_task_def("hand")), **inputs)


def task(driver: Driver, flow_run: FlowRun) -> FlowRun:
    """A worker has the task of a run, and says that it runs it."""
    flow_run.task("hand").starts()
    return flow_run
