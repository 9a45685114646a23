"""Delivery: outputs of the fold as messages of the log, each stamped with its cause (I2), and what
follows when the log refuses one for good (R7): a dead letter, and for a task an OutputFailed that
tells the fold."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.records import DeadRecord
from penstock.contracts.topics import Topics
from penstock.contracts.wire import (
    STAMP,
    Sent,
    client_headers,
    command_value,
    engine_headers,
)
from penstock.core.command import Command
from penstock.core.commands.output_failed import OutputFailed
from penstock.core.fold import ENGINE_PRINCIPAL, Origin
from penstock.core.ids import root_of
from penstock.core.state.outputs import (
    CommandOutput,
    DeadLetter,
    EventOutput,
    Output,
    ScheduledTask,
    WorkerSignal,
)
from penstock.core.state.turn import stamp_of
from penstock.log.port import EngineLog, Headers, LogFatal, Message, Record, Refused
from penstock.observe.tally import FoldTally
from penstock.observe.tracing import TRACEPARENT, sound
from penstock.processor.failpoints import Failpoints

logger = logging.getLogger("penstock.processor")

DEAD_VALUE_BYTES_MAX: Final = 512 * 1024
DEAD_KEY_BYTES_MAX: Final = 1_024


class TurnOutputs(Struct, frozen=True):
    """What a turn asks for: the record that caused it, and the fold version in force."""

    record: Record
    outputs: list[Output]
    fold_version: int


class Delivery(Struct, frozen=True):
    """A message, the output that it carries, and the partition that caused it."""

    partition: int
    message: Message
    output: Output


class Courier:
    """Delivers outputs. One for each processor; it knows the topics and the codec."""

    def __init__(
        self,
        *,
        log: EngineLog,
        avro: Avro,
        topics: Topics,
        failpoints: Failpoints,
        tally: FoldTally | None = None,
    ) -> None:
        self._log = log
        self._avro = avro
        self._topics = topics
        self._failpoints = failpoints
        self._tally = tally or FoldTally()

    def deliver(self, turns: Iterable[TurnOutputs]) -> None:
        """Send what the turns ask for; return when each message is acknowledged or refused, and
        what follows from a refusal is acknowledged too. Raises LogUnavailable when that can not be
        known."""
        deliveries = self.deliveries(turns)
        if not deliveries:
            return
        messages = [delivery.message for delivery in deliveries]
        self._reach_mid_produce(messages)
        refused = self._log.deliver(
            messages, lambda: self._failpoints.reach("after_produce_before_acks")
        )
        if refused:
            by_message = {id(refusal.message): refusal for refusal in refused}
            aftermath: list[Message] = []
            for delivery in deliveries:
                refusal = by_message.get(id(delivery.message))
                if refusal is not None:
                    aftermath += self._aftermath(delivery, refusal)
            for refusal in self._log.deliver(aftermath):
                self._lose(refusal)

    def deliveries(self, turns: Iterable[TurnOutputs]) -> list[Delivery]:
        """What the turns ask for, as messages."""
        return [
            Delivery(turn.record.partition, self._message(turn, output, index), output)
            for turn in turns
            for index, output in enumerate(turn.outputs)
        ]

    def _reach_mid_produce(self, messages: Sequence[Message]) -> None:
        """For tests: half of the messages are sent when the failpoint is reached."""
        if self._failpoints.armed("mid_produce"):
            self._log.deliver(messages[: (len(messages) + 1) // 2])
            self._failpoints.reach("mid_produce")

    def command(self, partition: int, command: Command, *, tenant: str) -> Message:
        """A command of the engine's own, to a named partition."""
        value = command_value(
            self._avro, Sent(command=command, tenant=tenant, principal=ENGINE_PRINCIPAL)
        )
        return Message(self._topics.commands, None, value, client_headers(None), partition)

    def _aftermath(self, delivery: Delivery, refusal: Refused) -> list[Message]:
        """What is to be delivered because this was refused."""
        output = delivery.output
        if isinstance(output, CommandOutput | DeadLetter):
            self._lose(refusal)
            return []
        messages = [self._undelivered(delivery.partition, refusal)]
        if isinstance(output, ScheduledTask):
            command = OutputFailed(
                wf_run_id=output.wf_run_id,
                guid=output.guid,
                attempt=output.attempt,
                code=refusal.code,
                message=refusal.reason,
            )
            messages.append(self.command(delivery.partition, command, tenant=output.tenant))
        return messages

    def _lose(self, refusal: Refused) -> None:
        """Nothing follows: without commands no run goes on, without dead letters all do."""
        if refusal.message.topic == self._topics.commands:
            number = refusal.message.partition
            raise LogFatal(f"a command to partition {number} is refused: {refusal.reason}")
        logger.error("a dead letter is refused and lost: %s", refusal.reason)

    def _message(self, turn: TurnOutputs, output: Output, index: int) -> Message:
        record = turn.record
        stamp = stamp_of(record.offset, index)
        headers = {STAMP: f"{self._log.topic_id}:{record.partition}:{stamp}".encode()}
        match output:
            case ScheduledTask():
                topic = self._topics.task(output.tenant, output.task_def)
                headers |= _trace_of(record, output.wf_run_id)
                value = self._avro.encode(output)
                return Message(topic, output.wf_run_id.encode(), value, headers)
            case WorkerSignal():
                topic, key = self._topics.worker_signals, output.worker.encode()
                return Message(topic, key, self._avro.encode(output), headers)
            case EventOutput():
                value = self._avro.encode(output.body, output.tenant)
                return Message(self._topics.events, output.key.encode(), value, headers)
            case CommandOutput():
                sent = Sent(command=output.body, tenant=output.tenant, principal=ENGINE_PRINCIPAL)
                origin = Origin(record.partition, stamp, output.previous)
                return Message(
                    self._topics.commands,
                    None,
                    command_value(self._avro, sent),
                    engine_headers(origin, turn.fold_version),
                    output.target,
                )
            case DeadLetter():
                return self._dead_letter(record, output, headers)

    def _dead_letter(self, record: Record, letter: DeadLetter, headers: Headers) -> Message:
        """What could not be handled."""
        subject = Message(record.topic, record.key, record.value, headers, record.partition)
        return self._dead(subject, record.offset, letter.code, letter.message)

    def _undelivered(self, partition: int, refusal: Refused) -> Message:
        """What could not be delivered."""
        message = refusal.message
        offset = int(message.headers[STAMP].split(b":")[-2])
        subject = Message(message.topic, message.key, message.value, message.headers, partition)
        return self._dead(subject, offset, refusal.code, refusal.reason)

    def _dead(self, subject: Message, offset: int, code: str, reason: str) -> Message:
        self._tally.dead(code)
        value = subject.value or b""
        dead = DeadRecord(
            topic=subject.topic,
            partition=subject.partition or 0,
            offset=offset,
            code=code,
            message=reason,
            key=(subject.key or b"")[:DEAD_KEY_BYTES_MAX],
            value=value[:DEAD_VALUE_BYTES_MAX],
            value_bytes=len(value),
        )
        key = f"{dead.partition}:{offset}".encode()
        headers = {STAMP: subject.headers[STAMP]}
        return Message(self._topics.dead_letters, key, self._avro.encode(dead), headers)


def _trace_of(record: Record, wf_run_id: str) -> dict[str, bytes]:
    """The header that carries a trace on from a command to the tasks of its own run; those of other
    runs are there for a timer. It follows from the record alone, as the output does.
    """
    trace = sound(record.headers.get(TRACEPARENT))
    if trace is None or record.key != root_of(wf_run_id).encode():
        return {}
    return {TRACEPARENT: trace}
