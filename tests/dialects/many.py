"""A run of a flow in which very much is to be done, on a partition that counts."""

from __future__ import annotations

from typing import Any

from penstock.core.command import Command
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.tick import Tick
from penstock.core.state.run import NodeRun, ThreadRun, WfRun
from penstock.core.state.timers import Clock, Timer
from penstock.core.state.transitions import NODE_LIVE, THREAD_LIVE
from penstock.flows.compiler import compile_flow
from penstock.flows.reader import read_flow
from tests.sim.growth import Counting, Engine


class Many:
    """A run of a flow that waits at pauses, in the engine alone."""

    def __init__(self, flow: str, **inputs: Any) -> None:
        self.store = Counting()
        self.engine = Engine(self.store)
        compiled = compile_flow(read_flow(flow))
        for command in compiled.definitions:
            self.settle(command)
        self.settle(RunWf(compiled.name, "run", variables=inputs))

    def settle(self, command: Command) -> None:
        """All that a command brings about."""
        while True:
            self.engine.send(command)
            state, command = self.engine.partition.state, Tick()
            if state.next_due_ms[Clock.PENDING] > state.log_time_ms:
                return

    def end(self, count: int) -> tuple[int, int, int, int]:
        """So many pauses are passed; the rows that are read, looked through and written, and the
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
