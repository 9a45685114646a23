"""Clients in the simulator: they define what runs need, start runs and schedules, put events to
runs and under keys, stop and resume; and they repeat themselves.

What they do is a table: a new thing is one function and one entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from penstock.core.command import Command
from penstock.core.commands.delete_correlated_event import DeleteCorrelatedEvent
from penstock.core.commands.delete_schedule import DeleteSchedule
from penstock.core.commands.pause_schedule import PauseSchedule
from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.definitions.defs import EventRetention
from penstock.core.schedules.schedules import Misfire
from tests.sim.furnish import furnished, guarded, revised
from tests.sim.nodes import KEYS
from tests.sim.people import Sender
from tests.sim.specs import (
    ALL_EVENT_DEFS,
    CORRELATIONS,
    LEAF,
    OUTPUTS,
    a_leaf,
    a_spec,
    definitions,
)

SPECS: Final = 3
SCHEDULES_MAX: Final = 2
BRIEF: Final = "brief"  # events of this kind are kept for a short time only; nobody waits for them
BOOM: Final = "boom"  # an event with this content meets a defect of the engine (world.py)
CRONS: Final = ("* * * * *", "*/7 * * * *", "0 3 * * *")
TIME_ZONES: Final = ("UTC", "Europe/Berlin", "Nowhere/Known")  # of the last nobody knows the rules


class Clients:
    """Start runs, put events, stop and resume; and define what the runs need."""

    def __init__(self, sender: Sender, runs_max: int) -> None:
        self.sender = sender
        self.chance = sender.broker.chance.random
        self.runs: dict[str, str] = {}  # WfRun id -> spec
        self.schedules: list[str] = []
        self.specs: dict[str, Any] = {}  # as they were put last
        self.definitions = self._definitions()
        self.runs_max = runs_max

    def _definitions(self) -> list[Command]:
        made: list[Command] = guarded(self.chance, definitions())
        made += [PutExternalEventDef(name=BRIEF, retention=EventRetention(after_put_s=45))]
        self.specs[LEAF] = furnished(self.chance, a_leaf(self.chance))
        for number in range(SPECS):
            self.specs[f"spec-{number}"] = furnished(self.chance, a_spec(self.chance))
        made += [PutWfSpec(name=name, spec=spec) for name, spec in self.specs.items()]
        return made

    def define(self) -> None:
        """Send the definitions. A spec that comes before its TaskDefs is refused, and taken when it
        is sent again under its id (R12)."""
        for number, command in enumerate(self.definitions):
            self.sender.send(command, f"define-{number}")

    def act(self) -> None:
        """Do something."""
        [act] = self.chance.choices([act for _, act in ACTS], [weight for weight, _ in ACTS])
        act(self)

    def revise(self) -> None:
        """A spec gets another version, which is mostly not much different."""
        name = self.chance.choice(sorted(self.specs))
        if name == LEAF or self.chance.random() < 0.7:
            self.specs[name] = revised(self.chance, self.specs[name])
        else:
            self.specs[name] = furnished(self.chance, a_spec(self.chance))
        command = PutWfSpec(name=name, spec=self.specs[name])
        self.sender.send(command, self.sender.new_id("revise"))

    # Runs.

    def start_again(self) -> None:
        """Each client asks until its run is there (R12: the run's own rows know it)."""
        for wf_run_id, wf_spec in self.runs.items():
            self._run(wf_run_id, wf_spec)

    def start(self) -> None:
        """A new run, or one that has been asked for before."""
        if len(self.runs) < self.runs_max:
            self.runs[self.sender.new_id("run")] = f"spec-{self.chance.randrange(SPECS)}"
        wf_run_id = self._any_run()
        self._run(wf_run_id, self.runs[wf_run_id])

    def _run(self, wf_run_id: str, wf_spec: str) -> None:
        command = RunWf(wf_spec=wf_spec, wf_run_id=wf_run_id)
        self.sender.send(command, f"start-{wf_run_id}")

    def start_otherwise(self) -> None:
        """Somebody asks for another run under an id that may be taken, or may have been."""
        command = RunWf(wf_spec=self.chance.choice(sorted(self.specs)), wf_run_id=self._any_run())
        self.sender.send(command, self.sender.new_id("otherwise"))

    def halt(self) -> None:
        """Stop a thread, or resume one, whether it is halted or not."""
        wf_run_id = self._any_run()
        command_id = self.sender.new_id("halt") if self.chance.random() < 0.8 else None
        thread = self.chance.choice((0, 0, 0, 1, 2, 3, 4))
        if self.chance.random() < 0.5:
            self.sender.send(StopWfRun(wf_run_id=wf_run_id, thread=thread), command_id)
        else:
            self.resume(wf_run_id, thread, command_id)

    def resume(self, wf_run_id: str, thread: int, command_id: str | None) -> None:
        """Resume a thread."""
        self.sender.send(ResumeWfRun(wf_run_id=wf_run_id, thread=thread), command_id)

    def _any_run(self) -> str:
        return self.chance.choice(sorted(self.runs) or ["run-never"])

    # Events.

    def any_event(self) -> None:
        """An event for a run, which may not be there."""
        content = BOOM if self.chance.random() < 0.03 else self.chance.choice(OUTPUTS)
        event_def = self.chance.choice((*ALL_EVENT_DEFS, BRIEF))
        self.put_event(self._any_run(), event_def, content)

    def put_event(self, wf_run_id: str, event_def: str, content: Any) -> None:
        """Put an event, by the client's guid or without one."""
        command = PutExternalEvent(
            wf_run_id=wf_run_id, event_def=event_def, guid=self._guid(), content=content
        )
        self.sender.send(command, self.sender.new_id("put" if event_def != BRIEF else BRIEF))

    def any_keyed_event(self) -> None:
        """An event under a key; or it is taken away again."""
        event_def, key = self.chance.choice(sorted(CORRELATIONS)), self.chance.choice(KEYS)
        if self.chance.random() < 0.15:
            command = DeleteCorrelatedEvent(event_def=event_def, key=key)
            self.sender.send(command, self.sender.new_id("take"))
        else:
            self.put_under(event_def, key, self.chance.choice(OUTPUTS))

    def put_under(self, event_def: str, key: str, content: Any) -> None:
        """Put an event under a key, for as long as its definition says, or for another time."""
        command = PutCorrelatedEvent(
            event_def=event_def,
            key=key,
            content=content,
            guid=self._guid(),
            ttl_seconds=self.chance.choice((None, None, 1, 90)),
        )
        self.sender.send(command, self.sender.new_id("key"))

    def _guid(self) -> str | None:
        return self.sender.new_id("guid") if self.chance.random() < 0.5 else None

    # Schedules.

    def plan(self) -> None:
        """Make a schedule; pause it, have it go on, or delete it."""
        draw = self.chance.random()
        if len(self.schedules) < SCHEDULES_MAX:
            self.schedules.append(self.sender.new_id("plan"))
            self._schedule(self.schedules[-1])
        elif draw < 0.3:
            self._schedule(self.chance.choice(self.schedules))
        elif draw < 0.9:
            command = PauseSchedule(
                schedule_id=self.chance.choice(self.schedules), paused=draw < 0.6
            )
            self.sender.send(command, self.sender.new_id("pause"))
        else:
            self._unschedule(self.chance.choice(self.schedules))

    def _schedule(self, schedule_id: str) -> None:
        now_ms, chance = self.sender.broker.clock_ms(), self.chance
        command = ScheduleWf(
            schedule_id=schedule_id,
            wf_spec=chance.choice((LEAF, "spec-0")),
            cron=chance.choice(CRONS),
            time_zone=chance.choice(TIME_ZONES),
            misfire=chance.choice(list(Misfire)),
            grace_ms=chance.choice((0, 60_000)),
            catch_up_max=2,
            start_at_ms=chance.choice((None, None, now_ms - 200_000)),
            end_at_ms=chance.choice((None, None, now_ms + 600_000)),
            paused=chance.random() < 0.1,
        )
        self.sender.send(command, self.sender.new_id("schedule"))

    def _unschedule(self, schedule_id: str) -> None:
        command = DeleteSchedule(schedule_id=schedule_id)
        self.sender.send(command, self.sender.new_id("unschedule"))

    def plan_no_more(self) -> None:
        """No schedule is to start another run: each is paused, or deleted."""
        for schedule_id in self.schedules:
            if self.chance.random() < 0.5:
                self._unschedule(schedule_id)
            else:
                pause = PauseSchedule(schedule_id=schedule_id)
                self.sender.send(pause, self.sender.new_id("pause"))


ACTS: Final[tuple[tuple[int, Callable[[Clients], None]], ...]] = (
    (6, Clients.start),
    (4, Clients.any_event),
    (3, Clients.any_keyed_event),
    (2, Clients.halt),
    (3, Clients.revise),
    (1, Clients.start_otherwise),
    (1, Clients.plan),
)
"""What clients do, by weight."""
