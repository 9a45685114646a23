"""Who uses the engine in the simulator: how commands are sent, workers that die, and somebody who
writes garbage. Clients, persons and operators have files of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.contracts.avro import Avro
from penstock.contracts.wire import PREVIOUS, SOURCE, STAMP, Sent, outgoing
from penstock.core.command import Command
from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.install_definition import InstallDefinition
from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.commands.task_heartbeat import TaskHeartbeat
from penstock.core.commands.task_started import TaskStarted
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.transitions import TaskStatus
from penstock.log.port import Message, Record
from tests.sim.broker import Broker
from tests.sim.specs import OUTPUTS

FORGED_STAMP = b"999999999:0"


class Sender:
    """Sends commands as clients do: late at times, twice at times, with and without an id."""

    def __init__(self, broker: Broker, avro: Avro) -> None:
        self.broker = broker
        self.avro = avro
        self._ids = 0

    def new_id(self, what: str) -> str:
        """An id that nobody has used."""
        self._ids += 1
        return f"{what}-{self._ids}"

    def send(self, command: Command, command_id: str | None) -> None:
        """Send it once, or twice; each may come late."""
        message = self.message(command, command_id)
        twice = command_id is not None and self.broker.chance.hits(0.15)
        for _ in range(2 if twice else 1):
            if self.broker.chance.hits(0.1):
                self.broker.land_later([message])
            else:
                self.broker.land(message)

    def message(self, command: Command, command_id: str | None, principal: str = "") -> Message:
        """The record of a command."""
        out = outgoing(self.avro, Sent(command=command, principal=principal), command_id)
        return Message(self.broker.topics.commands, out.key, out.value, out.headers, out.partition)


@dataclass(slots=True)
class Workers:
    """Take tasks from their topics, at least once."""

    sender: Sender
    positions: dict[tuple[str, int], int] = field(default_factory=dict)
    taken: list[ScheduledTask] = field(default_factory=list)
    seen: list[ScheduledTask] = field(default_factory=list)

    def act(self) -> None:
        """Take what is there, and do something with some of it."""
        chance = self.sender.broker.chance
        self._take()
        for task in list(self.taken):
            if chance.calm or chance.random.random() < 0.5:
                self.taken.remove(task)
                self._do(task)

    def _take(self) -> None:
        broker = self.sender.broker
        for topic, partitions in sorted(broker.records.items()):
            if ".tasks." not in topic:
                continue
            for number, records in enumerate(partitions):
                start = self.positions.get((topic, number), 0)
                taken = [self._decode(record) for record in records[start:]]
                self.taken += taken
                self.seen += taken
                self.positions[topic, number] = len(records)

    def _decode(self, record: Record) -> ScheduledTask:
        task, _ = self.sender.avro.decode(record.value or b"")
        assert isinstance(task, ScheduledTask)
        return task

    def _do(self, task: ScheduledTask) -> None:
        """Report it; or start it and die; or give it back; or report twice, or late; or have it
        come again."""
        broker, chance = self.sender.broker, self.sender.broker.chance
        started = chance.random.random() < 0.5
        if started:
            worker = chance.random.choice(("worker-1", "worker-2"))
            attempt = {"wf_run_id": task.wf_run_id, "guid": task.guid, "attempt": task.attempt}
            self.sender.send(TaskStarted(**attempt, worker=worker), None)
            if chance.random.random() < 0.3:
                self.sender.send(TaskHeartbeat(**attempt, worker=worker), None)
            if chance.random.random() < 0.3:
                self.sender.send(PutCheckpoint(**attempt, worker=worker, number=0, value=1), None)
            if chance.hits(0.1):
                self.sender.send(HandBackTask(**attempt, worker=worker), None)
                return
        report = self.sender.message(self._report(task), self._report_id(task))
        if started and chance.hits(0.15):
            return  # it has died: the time-out will tell
        if chance.hits(0.1):
            self.taken.append(task)  # its offset was not committed: another worker gets it too
        if chance.hits(0.2):
            broker.land_later([report])
        else:
            broker.land(report)

    def _report(self, task: ScheduledTask) -> ReportTask:
        chance = self.sender.broker.chance.random
        status = chance.choice(
            [TaskStatus.TASK_SUCCESS] * 6
            + [TaskStatus.TASK_FAILED] * 3
            + [TaskStatus.TASK_EXCEPTION, TaskStatus.TASK_INPUT_VAR_SUB_ERROR]
        )
        return ReportTask(
            wf_run_id=task.wf_run_id,
            guid=task.guid,
            attempt=task.attempt,
            status=status,
            output=None if status is TaskStatus.TASK_FAILED else chance.choice(OUTPUTS),
            exception="sorry" if status is TaskStatus.TASK_EXCEPTION else None,
        )

    def _report_id(self, task: ScheduledTask) -> str | None:
        return None if self.sender.broker.chance.random.random() < 0.5 else self.sender.new_id("r")


def garbage(sender: Sender) -> None:
    """Bytes, half a command, or a command that only the engine may send, with forged stamps."""
    broker, chance = sender.broker, sender.broker.chance.random
    topic, number = broker.topics.commands, chance.randrange(broker.topics.partitions)
    good = sender.message(StopWfRun(wf_run_id="run-1"), None)
    forged = {SOURCE: b"0", STAMP: FORGED_STAMP, PREVIOUS: b""}
    install = sender.message(InstallDefinition(kind="TaskDef", row=b"\xc1"), None)
    broker.land(
        chance.choice(
            (
                Message(topic, b"g", chance.randbytes(20), {}, number),
                Message(topic, b"g", (good.value or b"")[: chance.randrange(40)], {}, number),
                Message(topic, None, None, forged, number),
                Message(topic, b"g", install.value, dict(install.headers) | forged, number),
            )
        )
    )
