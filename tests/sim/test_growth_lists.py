"""What a turn costs when a list is long: thousands watch a variable, wait for a thread or a run, or
are interrupted by an event, and no turn reads or writes more than its budget allows. Counted, not
timed.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from penstock.core.command import Command
from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.commands.tick import Tick
from penstock.core.limits import NODES_PER_TURN_MAX
from penstock.core.state import turn
from penstock.core.state.event_rows import UnclaimedEvent
from penstock.core.state.run import WfRun
from penstock.core.state.timers import Clock
from penstock.core.state.transitions import ThreadStatus
from tests.controls import (
    chain,
    compare,
    declared,
    event,
    holds,
    interrupted,
    literal,
    output_of,
    starts,
    starts_each,
    threads,
    variable,
    waits_for,
)
from tests.sim.growth import Counting, Engine

MANY = 2_000
NODES = 100
ROWS_PER_TURN = 25 * NODES
"""Of reads, of rows scanned and of rows written: what a visit costs, so many times."""

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn does a tenth of what it may, so that the list is long against it."""
    assert NODES_PER_TURN_MAX == 10 * NODES
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", NODES)


class Long:
    """One run with a long list, on a partition that counts each turn."""

    def __init__(self, spec: Json) -> None:
        self.engine = Engine(Counting())
        for name in ("go", "ask"):
            self.engine.send(PutExternalEventDef(name=name))
        self.engine.send(PutWfSpec(name="long", spec=spec))
        self.settles(RunWf(wf_spec="long", wf_run_id="run"))

    def settles(self, command: Command) -> int:
        """All that a command brings about, turn by turn; returns how many turns it took."""
        for turns in count(1):
            before = self._meter()
            self.engine.send(command if turns == 1 else Tick())
            spent = [now - was for now, was in zip(self._meter(), before, strict=True)]
            assert max(spent) <= ROWS_PER_TURN, (command, turns, spent)
            state = self.engine.partition.state
            if state.next_due_ms[Clock.PENDING] > state.log_time_ms:
                return turns
        raise AssertionError

    def puts(self, event_def: str, **more: Any) -> int:
        """An event comes."""
        return self.settles(PutExternalEvent(wf_run_id="run", event_def=event_def, **more))

    def completes(self) -> None:
        """The run ends well."""
        row = self.engine.rows.get(WfRun, WfRun.key("default", "run"))
        assert row is not None and row.status is ThreadStatus.COMPLETED, row

    def _meter(self) -> tuple[int, int, int]:
        rows = self.engine.rows
        return rows.reads, rows.scanned, rows.writes


ITEMS = literal([1] * MANY)


def test_many_watch_a_variable() -> None:
    """Each is woken for each change."""
    ready = compare(variable("stage"), "GREATER_THAN", literal(1))
    main = chain(
        starts_each("child", ITEMS),
        waits_for(output_of("n1")),
        variables=(declared("stage", "INT", default=0),),
    )
    long = Long(threads(main, child=chain(holds(ready))))
    for stage in (1, 2):
        edit = EditVariable(wf_run_id="run", name="stage", value=stage)
        assert long.settles(edit) > MANY / NODES
    long.completes()


def test_many_wait_for_one_thread() -> None:
    """Each is told of its end."""
    main = chain(starts("worker"), starts_each("waits", ITEMS), waits_for(output_of("n2")))
    waits = chain(waits_for(variable("INPUT")), variables=(declared("INPUT", "INT"),))
    long = Long(threads(main, worker=chain(event("go")), waits=waits))
    assert long.puts("go") > MANY / NODES
    long.completes()


def test_many_are_interrupted_by_an_event() -> None:
    """Each has it."""
    child = interrupted(chain(event("go")), ask="ask")
    main = chain(starts_each("child", ITEMS), waits_for(output_of("n1")))
    long = Long(threads(main, child=child, ask=chain()))
    assert long.puts("ask") > MANY / NODES


def test_an_event_passes_many_that_are_halted() -> None:
    """And then lies there; one that names a thread goes past none of them."""
    main = chain(starts("child"), starts_each("child", ITEMS), event("ask"))
    child = chain(event("go"))
    long = Long(threads(main, child=child))
    long.settles(StopWfRun(wf_run_id="run"))
    for _ in range(3):
        assert long.puts("go") > MANY / NODES
    for number in range(2, 600):
        assert long.puts("go", thread=number) == 1
    before = long._meter()[1]
    long.puts("go", thread=1)
    assert long._meter()[1] - before < 10
    left = [row.wanted for row in _unclaimed(long)]
    assert left.count("") == 3


def _unclaimed(long: Long) -> Iterator[UnclaimedEvent]:
    start = UnclaimedEvent.key("default", "run")
    for _, row in long.engine.rows.scan(UnclaimedEvent, start, start + b"\xff"):
        yield row


def test_a_family_of_many_runs_is_deleted() -> None:
    """Whether one of them lives is not looked for run by run."""
    long = Long(chain())
    long.engine.send(PutWfSpec(name="live", spec=chain(event("go"))))
    for number in range(300):
        long.settles(RunWf(wf_spec="long", wf_run_id=f"child-{number}", parent="run"))
    long.settles(RunWf(wf_spec="live", wf_run_id="last", parent="run"))
    before = long._meter()[0]
    long.settles(DeleteWfRun(wf_run_id="run"))
    assert long._meter()[0] - before < 10
    assert long.engine.rows.get(WfRun, WfRun.key("default", "run")) is not None
    long.settles(PutExternalEvent(wf_run_id="run.last", event_def="go"))
    long.settles(DeleteWfRun(wf_run_id="run"))
    assert long.engine.rows.get(WfRun, WfRun.key("default", "run")) is None
