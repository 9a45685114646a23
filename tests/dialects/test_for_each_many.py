"""A for-each over ten thousand values: each costs as much as one of the first, and a kill at half
leaves nothing at work. Counted, not timed.
"""

from __future__ import annotations

import pytest

from penstock.core.command import Command
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.tick import Tick
from penstock.core.state.run import NodeRun, ThreadRun, WfRun
from penstock.core.state.timers import Clock
from penstock.core.state.transitions import NODE_LIVE, THREAD_LIVE, ThreadStatus
from penstock.flows.compiler import compile_flow
from penstock.flows.reader import read_flow
from tests.sim.growth import Counting, Engine

MANY = 10_000
AT_ONCE = 50
AROUND = 20  # so many are counted together: some bring a new chunk of values to be read
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
        self.engine = Engine(Counting())
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

    def end(self, count: int) -> tuple[int, int, int]:
        """So many values are done; the rows that are read, looked through and written."""
        rows = self.engine.rows
        was = rows.reads, rows.scanned, rows.writes
        for _ in range(count):
            self.settle(PutExternalEvent("run", "resume"))
        return rows.reads - was[0], rows.scanned - was[1], rows.writes - was[2]

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


def test_ten_thousand_values_and_a_kill_at_half() -> None:
    many = Many()
    early = [many.end(AROUND) for _ in range(5)][-1]
    many.end(MANY // 2 - 6 * AROUND)
    late = many.end(AROUND)
    assert late == pytest.approx(early, abs=AROUND // 10)
    assert many.run.threads == 2 + MANY // 2 + AT_ONCE - 1
    assert many.live() > 2 * AT_ONCE
    many.settle(KillWfRun("run"))
    assert many.run.status is ThreadStatus.ERROR
    assert many.live() == 0
