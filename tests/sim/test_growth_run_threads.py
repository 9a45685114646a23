"""What a thread of a RUN_THREADS node costs when it is one of very many: as much as one of the
first. Counted, not timed.
"""

import pytest

from penstock.core.command import Command
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.tick import Tick
from penstock.core.state.run import WfRun
from penstock.core.state.timers import Clock
from penstock.core.state.transitions import ThreadStatus
from tests.controls import chain, declared, event, runs_each, threads, variable
from tests.sim.growth import Counting, Engine

MANY = 2_000
AT_ONCE = 50
AROUND = 20  # so many are counted together: some bring a new chunk of values to be read

Spent = tuple[int, int, int, int]


class Each:
    """A run with a thread for each of many values, on a partition that counts."""

    def __init__(self, many: int, concurrency: int) -> None:
        self.store = Counting()
        self.engine = Engine(self.store)
        self.engine.send(PutExternalEventDef(name="go"))
        node = runs_each("child", variable("values"), concurrency=concurrency)
        main = chain(node, variables=(declared("values", "JSON_ARR"),))
        child = chain(event("go"), variables=(declared("INPUT", "INT"),))
        self.engine.send(PutWfSpec(name="each", spec=threads(main, child=child)))
        values = list(range(many))
        self.settle(RunWf(wf_spec="each", wf_run_id="run", variables={"values": values}))

    def settle(self, command: Command) -> None:
        """All that a command brings about."""
        while True:
            self.engine.send(command)
            state, command = self.engine.partition.state, Tick()
            if state.next_due_ms[Clock.PENDING] > state.log_time_ms:
                return

    def end(self, count: int) -> Spent:
        """So many threads end, one after the other; what that costs."""
        before = self._meter()
        for _ in range(count):
            self.settle(PutExternalEvent(wf_run_id="run", event_def="go"))
        was, now = before, self._meter()
        return now[0] - was[0], now[1] - was[1], now[2] - was[2], now[3] - was[3]

    def run(self) -> WfRun:
        """The row of the run."""
        row = self.engine.rows.get(WfRun, WfRun.key("default", "run"))
        assert row is not None
        return row

    def _meter(self) -> Spent:
        rows = self.engine.rows
        return rows.reads, rows.scanned, rows.writes, self.store.bytes_written


def test_a_thread_costs_the_same_whenever_it_is_run() -> None:
    """Rows read, looked at and written, when one ends and the next begins."""
    each = Each(MANY, AT_ONCE)
    assert each.run().threads == 1 + AT_ONCE
    each.end(80)
    early = each.end(AROUND)
    each.end(MANY - 80 - 2 * AROUND - AT_ONCE)
    late = each.end(AROUND)
    assert each.run().threads == 1 + MANY
    assert late[:3] == pytest.approx(early[:3], abs=AROUND // 10)
    assert late[3] == pytest.approx(early[3], rel=0.05)
    each.end(AT_ONCE)
    assert each.run().status is ThreadStatus.COMPLETED
