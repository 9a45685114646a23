"""The workflows that are measured, and the commands that make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from penstock.core.command import Command
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.transitions import TaskStatus
from tests.controls import a_task_def, chain, declared, event, output_of, task, variable

TENANT: Final = "default"
TASK_DEF: Final = "work"
EVENT_DEF: Final = "go"
TIMER_MS: Final = 300
INPUT: Final = "a little input, as real ones are"


@dataclass(frozen=True, slots=True)
class Workflow:
    """A spec by its name: how many tasks a run has, whether it waits for an event or a time-out."""

    name: str
    tasks: int = 0
    event: bool = False
    timer: bool = False

    def spec(self) -> Command:
        """The command that registers it."""
        nodes = [task(TASK_DEF, inputs={"text": variable("text")}) for _ in range(self.tasks)]
        if self.event:
            nodes.append(event(EVENT_DEF))
        if self.timer:
            nodes.append(event(EVENT_DEF, timeout_ms=TIMER_MS))
        returns = output_of(f"n{self.tasks}") if self.tasks else None
        body = chain(*nodes, returns=returns, variables=(declared("text", "STR", required=True),))
        return PutWfSpec(name=self.name, spec=body)

    def commands(self, wf_run_id: str) -> list[Command]:
        """What a client sends for one run."""
        start = RunWf(wf_spec=self.name, wf_run_id=wf_run_id, variables={"text": INPUT})
        if not self.event:
            return [start]
        return [start, PutExternalEvent(wf_run_id=wf_run_id, event_def=EVENT_DEF, guid="g")]


WF0: Final = Workflow("wf0")
WF1: Final = Workflow("wf1", tasks=1)
SEQ5: Final = Workflow("seq5", tasks=5)
EVENT: Final = Workflow("event", event=True)
TIMER: Final = Workflow("timer", timer=True)
WORKFLOWS: Final = {one.name: one for one in (WF0, WF1, SEQ5, EVENT, TIMER)}


def definitions() -> list[Command]:
    """What is registered before anything is run, in order."""
    return [
        a_task_def(TASK_DEF, returns="STR", text="STR"),
        PutExternalEventDef(name=EVENT_DEF),
        *(workflow.spec() for workflow in WORKFLOWS.values()),
    ]


def report_of(scheduled: ScheduledTask) -> ReportTask:
    """What a worker reports on a task."""
    return ReportTask(
        wf_run_id=scheduled.wf_run_id,
        guid=scheduled.guid,
        attempt=scheduled.attempt,
        status=TaskStatus.TASK_SUCCESS,
        output=scheduled.inputs["text"],
        worker="bench",
    )
