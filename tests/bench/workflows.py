"""The workflows that are measured, and the commands that make them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from penstock.core.command import Command
from penstock.core.commands.complete_user_task_run import CompleteUserTaskRun
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.state.outputs import ScheduledTask, UserTaskRunChanged
from penstock.core.state.transitions import TaskStatus
from tests.controls import (
    a_form,
    a_task_def,
    chain,
    declared,
    event,
    literal,
    output_of,
    starts_each,
    task,
    threads,
    user_task,
    variable,
    waits_for,
)

TENANT: Final = "default"
TASK_DEF: Final = "work"
EVENT_DEF: Final = "go"
FORM: Final = "form"
PERSON: Final = "somebody"
TIMER_MS: Final = 300
LONG_EVENTS: Final = 20
INPUT: Final = "a little input, as real ones are"


@dataclass(frozen=True, slots=True)
class Workflow:
    """A spec by its name: how many tasks a run has, one after the other or (`fan`) each in a child
    thread of its own; how many events it waits for, and whether for a person or a time-out; whether
    its runs can be found by what they were given.
    """

    name: str
    tasks: int = 0
    fan: bool = False
    events: int = 0
    person: bool = False
    timer: bool = False
    searchable: bool = False

    def id_of(self, name: str) -> str:
        """The id of a run; it ends in the workflow's name."""
        return f"{spread(name)}-{self.name}"

    def spec(self) -> Command:
        """The command that registers it."""
        return PutWfSpec(name=self.name, spec=self._fan() if self.fan else self._chain())

    def _chain(self) -> dict[str, Any]:
        nodes = [task(TASK_DEF, inputs={"text": variable("text")}) for _ in range(self.tasks)]
        nodes += [event(EVENT_DEF) for _ in range(self.events)]
        if self.person:
            nodes.append(user_task(FORM, user=PERSON))
        if self.timer:
            nodes.append(event(EVENT_DEF, timeout_ms=TIMER_MS))
        returns = output_of(f"n{self.tasks}") if self.tasks else None
        found = {"searchable": True} if self.searchable else {}
        return chain(
            *nodes, returns=returns, variables=(declared("text", "STR", required=True, **found),)
        )

    def _fan(self) -> dict[str, Any]:
        """So many child threads at once, and a join."""
        main = chain(
            starts_each("child", literal(list(range(self.tasks)))),
            waits_for(output_of("n1")),
            variables=(declared("text", "STR", required=True),),
        )
        return threads(main, child=chain(task(TASK_DEF, inputs={"text": variable("text")})))

    def commands(self, wf_run_id: str, text: str = INPUT) -> list[Command]:
        """What a client sends for one run."""
        start = RunWf(wf_spec=self.name, wf_run_id=wf_run_id, variables={"text": text})
        return [start, *(happened(wf_run_id, number) for number in range(self.events))]


WF0: Final = Workflow("wf0")
WF1: Final = Workflow("wf1", tasks=1)
SEQ5: Final = Workflow("seq5", tasks=5)
FAN20: Final = Workflow("fanout20", tasks=20, fan=True)
EVENT: Final = Workflow("event", events=1)
PEOPLE: Final = Workflow("people", person=True)
TIMER: Final = Workflow("timer", timer=True)
LONG: Final = Workflow("long", events=LONG_EVENTS)
FOUND: Final = Workflow("found", tasks=1, searchable=True)
WORKFLOWS: Final = {
    one.name: one for one in (WF0, WF1, SEQ5, FAN20, EVENT, PEOPLE, TIMER, LONG, FOUND)
}


def spread(name: str) -> str:
    """A part of an id that lies anywhere among others, as those that users make do."""
    return blake2b(name.encode(), digest_size=8).hexdigest()


def definitions() -> list[Command]:
    """What is registered before anything is run, in order."""
    return [
        a_task_def(TASK_DEF, returns="STR", text="STR"),
        PutExternalEventDef(name=EVENT_DEF),
        a_form(FORM, answer="STR"),
        *(workflow.spec() for workflow in WORKFLOWS.values()),
    ]


def happened(wf_run_id: str, number: int) -> PutExternalEvent:
    """One of the events that a run waits for."""
    return PutExternalEvent(wf_run_id=wf_run_id, event_def=EVENT_DEF, guid=f"g{number}")


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


def filled_in(form: UserTaskRunChanged) -> CompleteUserTaskRun:
    """What a person sends back."""
    return CompleteUserTaskRun(
        wf_run_id=form.wf_run_id, guid=form.guid, user_id=PERSON, results={"answer": INPUT}
    )
