"""Logs of real commands, made fast: no engine decides anything while they grow, no worker works.

What a worker will report is known beforehand, because ids are functions of the log (R10): of the
offset at which a RunWf will lie. So nobody else may append meanwhile, which is looked at in the
end. The group's marks are set to the end of what was made: all that comes of it counts as
delivered, as after the loss of a disk.

Most runs are short, some are open at a time. On each partition one run lives as long as the log
grows, and gets an event now and then: its turns lie far apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count, islice
from typing import Final

from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.contracts.wire import Sent, outgoing
from penstock.core.command import Command
from penstock.core.commands.report_task import ReportTask
from penstock.core.ids import partition_of_run, visit_id
from penstock.core.state.transitions import TaskStatus
from penstock.log.port import EngineLog, Message
from penstock.processor.partition import record_hash
from penstock.processor.recovery import mark_of
from penstock.store.port import StorePosition
from tests.bench.client import IN_FLIGHT
from tests.bench.process import BenchError
from tests.bench.workflows import (
    EVENT,
    INPUT,
    LONG,
    LONG_EVENTS,
    SEQ5,
    WF0,
    WF1,
    Workflow,
    happened,
    spread,
)

MIX: Final = (*(WF1,) * 6, *(SEQ5,) * 2, WF0, EVENT)
CHUNK: Final = 5_000


class Long(Struct, frozen=True):
    """The run of a partition that lives for long, and where it began."""

    partition: int
    wf_run_id: str
    begin: int


def make_log(log: EngineLog, topics: Topics, avro: Avro, commands: int, name: str) -> list[Long]:
    """Append so many commands, or a few more, under ids of this name; the runs that live for long.
    All of their workflows are registered, and nobody else appends.
    """
    maker = _Maker(log, topics, avro, name)
    made = maker.made(commands)
    while chunk := list(islice(made, CHUNK)):
        refused = log.deliver(chunk)
        if refused:
            raise BenchError(f"the log refuses a command: {refused[0].reason}")
    ends = [log.bounds(number)[1] for number in range(log.partitions)]
    if ends != maker.ends:
        raise BenchError(f"the log ends at {ends}, not at {maker.ends}: others append to it")
    _mark(log)
    return maker.long


class _Maker:
    def __init__(self, log: EngineLog, topics: Topics, avro: Avro, name: str) -> None:
        self.ends = [log.bounds(number)[1] for number in range(log.partitions)]
        self.long: list[Long] = []
        self._topics = topics
        self._avro = avro
        self._name = name
        self._numbers = count()
        self._ids = count()

    def made(self, commands: int) -> Iterator[Message]:
        """All of them, in the order in which they are to be appended."""
        for number in range(len(self.ends)):
            yield self._begin_long(number)
        events = ((number, one) for number in range(LONG_EVENTS) for one in self.long)
        every = commands // (LONG_EVENTS * len(self.ends)) + 1
        for index, message in enumerate(self._short(commands)):
            yield message
            if index % every == every - 1 and (due := next(events, None)) is not None:
                yield self._message(happened(due[1].wf_run_id, due[0]))
        for number, one in events:
            yield self._message(happened(one.wf_run_id, number))

    def _short(self, commands: int) -> Iterator[Message]:
        """Runs that begin, each with what follows when others have begun."""
        under_way: deque[Iterator[Command]] = deque()
        begun = 0  # commands of runs that have begun, those included that follow
        while begun < commands:
            workflow = MIX[next(self._numbers) % len(MIX)]
            wf_run_id = self._new_id()
            begun += workflow.tasks + len(workflow.commands(wf_run_id))
            born = self.ends[self._partition(wf_run_id)]
            yield self._message(workflow.commands(wf_run_id)[0])
            under_way.append(self._rest(workflow, wf_run_id, born))
            while len(under_way) > IN_FLIGHT:
                yield from self._next_of(under_way)
        while under_way:
            yield from self._next_of(under_way)

    def _next_of(self, under_way: deque[Iterator[Command]]) -> Iterator[Message]:
        rest = under_way.popleft()
        command = next(rest, None)
        if command is not None:
            under_way.append(rest)
            yield self._message(command)

    def _rest(self, workflow: Workflow, wf_run_id: str, born: int) -> Iterator[Command]:
        """What follows the RunWf that lies at `born`: its tasks are the nodes after the first."""
        partition = self._partition(wf_run_id)
        for position in range(1, workflow.tasks + 1):
            yield ReportTask(
                wf_run_id=wf_run_id,
                guid=visit_id(partition, born, wf_run_id, 0, position),
                attempt=1,
                status=TaskStatus.TASK_SUCCESS,
                output=INPUT,
                worker="bench",
            )
        yield from workflow.commands(wf_run_id)[1:]

    def _begin_long(self, number: int) -> Message:
        wf_run_id = next(one for one in iter(self._new_id, "") if self._partition(one) == number)
        self.long.append(Long(number, wf_run_id, self.ends[number]))
        return self._message(LONG.commands(wf_run_id)[0])

    def _new_id(self) -> str:
        return spread(f"{self._name}-{next(self._ids)}")

    def _partition(self, wf_run_id: str) -> int:
        return partition_of_run(wf_run_id, len(self.ends))

    def _message(self, command: Command) -> Message:
        """The next record, of its run's partition."""
        sent = Sent(command=command, principal="bench")
        out = outgoing(self._avro, sent, f"{self._name}-{sum(self.ends)}")
        assert out.key is not None, "it is about a run"
        partition = self._partition(out.key.decode())
        self.ends[partition] += 1
        return Message(self._topics.commands, out.key, out.value, out.headers, partition)


def _mark(log: EngineLog) -> None:
    """Count all as delivered."""
    for number in range(log.partitions):
        end = log.bounds(number)[1]
        last = log.read_at(number, end - 1)
        assert last is not None, "something was appended to every partition"
        log.commit(
            number, mark_of(log.topic_id, StorePosition(end, last.offset, record_hash(last)))
        )
