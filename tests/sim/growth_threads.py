"""Growth in breadth: what one child thread of many costs, and how large a turn becomes, while a run
starts, halts, resumes and ends ten thousand of them; and that others get on meanwhile.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from unittest import mock

from penstock.core.command import Command
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.commands.tick import Tick
from penstock.core.limits import NODES_PER_TURN_MAX
from penstock.core.state.run import WfRun
from penstock.core.state.timers import Clock
from penstock.core.state.transitions import ThreadStatus
from tests.controls import (
    chain,
    declared,
    event,
    output_of,
    starts_each,
    threads,
    variable,
    waits_for,
)
from tests.sim.growth import Counting, Engine

WIDE: Final = "wide"
TENANT: Final = "default"
TURNS_TO_GET_ON: Final = 3
"""In so many turns a run of another kind must be done, whatever the wide one does."""


@dataclass(frozen=True)
class Phase:
    """What a phase of a wide run cost a child, and its largest turn."""

    name: str
    reads: float
    scanned: float
    writes: float
    bytes: float
    turns: int
    visits_max: int


class Wide:
    """A partition with a run of so many children, each of which waits for an event of its own."""

    def __init__(self, children: int) -> None:
        self.children = children
        self.store = Counting()
        self.engine = Engine(self.store)
        self.visits = 0
        self.others = 0
        self.engine.send(PutExternalEventDef(name="go"))
        self.engine.send(PutExternalEventDef(name="begin"))
        main = chain(
            event("begin"),
            starts_each("child", variable("items")),
            waits_for(output_of("n2")),
            variables=(declared("items", "JSON_ARR"),),
        )
        made = threads(main, child=chain(event("go")))
        self.engine.send(PutWfSpec(name=WIDE, spec=made))
        self.engine.send(PutWfSpec(name="other", spec=chain()))
        items = list(range(children))
        self.engine.send(RunWf(wf_spec=WIDE, wf_run_id=WIDE, variables={"items": items}))

    def live(self) -> list[Phase]:
        """All that can happen to it."""
        begin = PutExternalEvent(wf_run_id=WIDE, event_def="begin")
        with self._counting_visits():
            phases = [
                self._phase("start", begin),
                self._phase("stop", StopWfRun(wf_run_id=WIDE)),
                self._phase("resume", ResumeWfRun(wf_run_id=WIDE)),
                self._end(),
            ]
        run = self.engine.rows.get(WfRun, WfRun.key(TENANT, WIDE))
        assert run is not None and run.status is ThreadStatus.COMPLETED, run
        return phases

    def _phase(self, name: str, command: Command) -> Phase:
        """Send it, and ticks until all is done; beside each of them another run begins and ends."""
        return self._measured(name, [command])

    def _end(self) -> Phase:
        """Each child gets its event."""
        go = [PutExternalEvent(wf_run_id=WIDE, event_def="go")] * self.children
        return self._measured("end", go)

    def _measured(self, name: str, commands: list[Command]) -> Phase:
        before, turns, visits_max = self._meter(), 0, 0
        pending = list(commands)
        while pending or self._has_pending():
            self.visits = 0
            self.engine.send(pending.pop() if pending else Tick())
            visits_max = max(visits_max, self.visits)
            turns += 1
            if self._has_pending() and turns % 4 == 1:
                self._others_get_on()
        spent = [now - was for now, was in zip(self._meter(), before, strict=True)]
        reads, scanned, writes, size = (round(one / self.children, 1) for one in spent)
        return Phase(name, reads, scanned, writes, size, turns, visits_max)

    def _others_get_on(self) -> None:
        self.others += 1
        name = f"other-{self.others}"
        self.engine.send(RunWf(wf_spec="other", wf_run_id=name))
        for _ in range(TURNS_TO_GET_ON):
            run = self.engine.rows.get(WfRun, WfRun.key(TENANT, name))
            if run is not None and run.status is ThreadStatus.COMPLETED:
                return
            self.engine.send(Tick())
        raise AssertionError(f"{name} does not get on")

    def _has_pending(self) -> bool:
        state = self.engine.partition.state
        return state.next_due_ms[Clock.PENDING] <= state.log_time_ms

    def _meter(self) -> tuple[int, int, int, int]:
        rows = self.engine.rows
        return rows.reads, rows.scanned, rows.writes, self.store.bytes_written

    @contextmanager
    def _counting_visits(self) -> Iterator[None]:
        advance = importlib.import_module("penstock.core.advance.advance")
        sound = advance.visit

        def visit(at: object) -> None:
            self.visits += 1
            sound(at)

        with mock.patch.object(advance, "visit", visit):
            yield


def same_price(few: list[Phase], many: list[Phase], slack: float = 1.1) -> list[str]:
    """What costs more for each of many children than for each of a few."""
    return [
        f"{dear.name}: {what} {getattr(cheap, what)} -> {getattr(dear, what)} a child"
        for cheap, dear in zip(few, many, strict=True)
        for what in ("reads", "scanned", "writes", "bytes")
        if getattr(dear, what) > slack * getattr(cheap, what) + 0.5
    ]


def too_large(phases: list[Phase]) -> list[str]:
    """Phases with a turn that visits more than its budget for timers and that for its command."""
    return [phase.name for phase in phases if phase.visits_max > 2 * NODES_PER_TURN_MAX]


def main() -> int:
    """Print what a child costs; 1 if one of many costs more, or a turn is too large."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.growth_threads")
    parser.add_argument("--children", type=int, default=10_000)
    many = parser.parse_args().children
    found: dict[int, list[Phase]] = {}
    for children in (100, 1_000, many):
        found[children] = Wide(children).live()
        for phase in found[children]:
            print(f"{children} children: {phase}")
    dearer = same_price(found[100][1:], found[1_000][1:]) + same_price(found[1_000], found[many])
    dearer += too_large(found[many])
    print("a child costs the same" if not dearer else "\n".join(dearer))
    return int(bool(dearer))


if __name__ == "__main__":
    sys.exit(main())
