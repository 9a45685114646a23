"""A for-each over ten thousand values: it comes to its end, the last thousand cost as much as the
first, and a kill at half leaves nothing at work. Counted, not timed.
"""

from __future__ import annotations

import pytest

from penstock.core.command import Command
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.tick import Tick
from penstock.core.state.run import NodeRun, ThreadRun, WfRun
from penstock.core.state.timers import Clock, Timer
from penstock.core.state.transitions import NODE_LIVE, THREAD_LIVE, ThreadStatus
from penstock.flows.compiler import compile_flow
from penstock.flows.reader import read_flow
from tests.sim.growth import Counting, Engine

MANY = 10_000
AT_ONCE = 50
COUNTED = 1_000  # so many of the first and of the last are counted
SLACK = 0.02
"""Some values bring a new chunk of them to be read, and numbers grow longer."""
FLOW = f"""
id: many
namespace: company.team
inputs: [{{id: all, type: ARRAY}}]
tasks:
  - id: each
    type: for-each
    values: "{{{{ inputs.all }}}}"
    concurrencyLimit: {AT_ONCE}
    tasks: [{{id: one, type: pause}}]
"""


class Many:
    """A run of the flow, on a partition that counts."""

    def __init__(self) -> None:
        self.store = Counting()
        self.engine = Engine(self.store)
        compiled = compile_flow(read_flow(FLOW))
        for command in compiled.definitions:
            self.settle(command)
        self.settle(RunWf(compiled.name, "run", variables={"all": [*range(MANY)]}))

    def settle(self, command: Command) -> None:
        """All that a command brings about."""
        while True:
            self.engine.send(command)
            state, command = self.engine.partition.state, Tick()
            if state.next_due_ms[Clock.PENDING] > state.log_time_ms:
                return

    def end(self, count: int) -> tuple[int, int, int, int]:
        """So many values are done; the rows that are read, looked through and written, and the
        bytes of these.
        """
        was = self._meter()
        for _ in range(count):
            self.settle(PutExternalEvent("run", "flow.resume"))
        reads, scanned, writes, size = (
            now - before for now, before in zip(self._meter(), was, strict=True)
        )
        return reads, scanned, writes, size

    def _meter(self) -> tuple[int, int, int, int]:
        rows = self.engine.rows
        return rows.reads, rows.scanned, rows.writes, self.store.bytes_written

    @property
    def run(self) -> WfRun:
        """The row of the run."""
        row = self.engine.rows.get(WfRun, WfRun.key("default", "run"))
        assert row is not None
        return row

    def live(self) -> int:
        """How many threads and nodes are at work."""
        found = 0
        for kind, statuses in ((ThreadRun, THREAD_LIVE), (NodeRun, NODE_LIVE)):
            start = kind.key("default", "run")
            scanned = self.engine.rows.scan(kind, start, start + b"\xff")
            found += sum(1 for _, row in scanned if row.status in statuses)
        return found

    def timers(self) -> list[Timer]:
        """What is still to come due."""
        start = Timer.key()
        return [row for _, row in self.engine.rows.scan(Timer, start, start + b"\xff")]


@pytest.mark.timeout(300)  # 15 s of CPU; a machine that does more besides takes its time
def test_ten_thousand_values_to_their_end() -> None:
    many = Many()
    first = many.end(COUNTED)
    many.end(MANY - 2 * COUNTED - AT_ONCE)
    last = many.end(COUNTED)
    assert last == pytest.approx(first, rel=SLACK)
    assert many.run.threads == 2 + MANY - 1
    assert many.run.status is ThreadStatus.RUNNING
    many.end(AT_ONCE)
    assert many.run.status is ThreadStatus.COMPLETED
    assert many.live() == 0
    assert many.timers() == []


@pytest.mark.timeout(300)
def test_a_kill_at_half() -> None:
    many = Many()
    many.end(MANY // 2)
    assert many.live() > 2 * AT_ONCE
    many.settle(KillWfRun("run"))
    assert many.run.status is ThreadStatus.ERROR
    assert many.run.threads == 1 + MANY // 2 + AT_ONCE
    assert many.live() == 0
    assert many.timers() == []
