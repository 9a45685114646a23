"""The client: starts runs, and sees their ends in the events topic."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable
from typing import Final

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.contracts.wire import Sent, outgoing
from penstock.core.command import Command
from penstock.core.state.outputs import CommandRefused, UserTaskRunChanged, WfRunChanged
from penstock.core.state.transitions import UserTaskStatus
from tests.bench.process import BenchError, within
from tests.bench.transport import Sink, Source
from tests.bench.workflows import INPUT, TIMER, TIMER_MS, WF1, Workflow, definitions, filled_in

IN_FLIGHT: Final = 256
POLL_S: Final = 0.1
PROBE_S: Final = 1.0
TIMERS_PAUSE_S: Final = 0.005
RUNNING: Final = "RUNNING"
Take = Callable[[], list[WfRunChanged]]


class Client:
    """One client of one cluster. Used from one thread."""

    def __init__(self, *, avro: Avro, topics: Topics, sink: Sink, source: Source) -> None:
        self._avro = avro
        self._topics = topics
        self._sink = sink
        self._source = source
        self._begun = secrets.token_hex(4)
        self._count = itertools.count()
        self._refused: CommandRefused | None = None

    def close(self) -> None:
        """Let go."""
        self._source.close()
        self._sink.close()

    def send(self, command: Command) -> None:
        """Append a command."""
        out = outgoing(self._avro, Sent(command=command, principal="bench"), self._new_id("c"))
        self._sink.append(self._topics.commands, out.key, out.value, out.headers, out.partition)

    def prepare(self, timeout_s: float) -> None:
        """Register everything, and wait until every partition runs it."""
        for command in definitions():
            self.send(command)
        check = within(timeout_s, "registering the workflows")
        probes = {""}
        while probes:  # some may be too early, and are refused
            check()
            probes = {self.start(WF1) for _ in range(8 * self._topics.partitions)}
            until = time.monotonic() + PROBE_S
            while probes and time.monotonic() < until:
                probes -= {ended.wf_run_id for ended in self.take()}
            self._refused = None

    def start(self, workflow: Workflow) -> str:
        """Start a run; its id."""
        wf_run_id = workflow.id_of(self._new_id("r"))
        text = wf_run_id if workflow.searchable else INPUT
        for command in workflow.commands(wf_run_id, text):
            self.send(command)
        return wf_run_id

    def take(self) -> list[WfRunChanged]:
        """Runs that have ended."""
        return [event for event in self.events() if event.status != RUNNING]

    def events(self, timeout_s: float = POLL_S) -> list[WfRunChanged]:
        """Changes of runs; waits for a moment if there is none. Forms are filled in."""
        self._sink.sent()
        changed: list[WfRunChanged] = []
        for value in self._source.poll(timeout_s):
            event, _ = self._avro.decode(value)
            if isinstance(event, WfRunChanged):
                changed.append(event)
            elif isinstance(event, UserTaskRunChanged):
                if event.status == UserTaskStatus.ASSIGNED:
                    self.send(filled_in(event))
            elif isinstance(event, CommandRefused):
                self._refused = event
        self._source.done()
        return changed

    def pipelined(self, workflow: Workflow, count: int, timeout_s: float) -> float:
        """Run this many, so many in flight; the seconds that it took."""
        check = within(timeout_s, f"{count} runs of {workflow.name}")
        begun_s = time.monotonic()
        started = ended = 0
        while ended < count:
            check()
            self._check_refused()
            while started < count and started - ended < IN_FLIGHT:
                self.start(workflow)
                started += 1
            ended += len(self.take())
        return time.monotonic() - begun_s

    def one_by_one(self, workflow: Workflow, count: int, timeout_s: float) -> list[float]:
        """Run this many, one after the other; the milliseconds of each."""
        check = within(timeout_s, f"{count} single runs of {workflow.name}")
        took_ms: list[float] = []
        for _ in range(count):
            begun_s = time.monotonic()
            wf_run_id = self.start(workflow)
            while all(ended.wf_run_id != wf_run_id for ended in self.take()):
                check()
                self._check_refused()
            took_ms.append((time.monotonic() - begun_s) * 1_000)
        return took_ms

    def timers(self, count: int, timeout_s: float) -> list[float]:
        """Start runs that end by a time-out, one after the other; how late each was seen to end."""
        check = within(timeout_s, f"{count} timers")
        while self.events():  # of runs that were started over HTTP, and nobody has read
            check()
        own: set[str] = set()
        due_ms: dict[str, int] = {}
        late_ms: list[float] = []
        started, next_s = 0, time.monotonic()
        while len(late_ms) < count:
            check()
            self._check_refused()
            if started < count and time.monotonic() >= next_s:
                own.add(self.start(TIMER))
                started, next_s = started + 1, next_s + TIMERS_PAUSE_S
            pause_s = next_s - time.monotonic() if started < count else POLL_S
            for event in self.events(max(pause_s, 0.0)):
                if event.status == RUNNING and event.wf_run_id in own:
                    due_ms[event.wf_run_id] = event.at_ms + TIMER_MS
                elif event.wf_run_id in due_ms:
                    late_ms.append(time.time() * 1_000 - due_ms.pop(event.wf_run_id))
        return late_ms

    def _new_id(self, what: str) -> str:
        return f"{what}-{self._begun}-{next(self._count)}"

    def _check_refused(self) -> None:
        refused, self._refused = self._refused, None
        if refused is not None:
            raise BenchError(f"{refused.command} was refused: {refused.code}, {refused.message}")
