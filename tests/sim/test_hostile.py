"""Unknown or hostile input to each command: refused with a stable code and nothing changed but the
remembered answer and log time; or accepted, and no harm done.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from penstock.contracts.wire import VERSION, Sent, outgoing
from penstock.core.command import Command, CommandType, Repeats, Sender, of_wf_run
from penstock.core.commands import COMMANDS, TYPE_OF
from penstock.core.commands.barrier import Barrier
from penstock.core.commands.put_application import PutApplication
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_webhook import PutWebhook
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.errors import Code
from penstock.core.fold import ENGINE_PRINCIPAL
from penstock.core.ids import partition_of_run
from penstock.core.state.partition_state import AnswerExpiry, CommandAnswer, PartitionState
from penstock.core.state.rows import Row
from penstock.log.port import AppendRefused, Message
from penstock.processor.answers import Answered
from penstock.store.port import META
from tests.controls import a_struct_def, a_task_def, chain, declared, event, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, register, run
from tests.sim.crashing import assert_lively
from tests.sim.hostile import UNUSED, plausible, variants
from tests.sim.tables import kind_of

BOOKKEEPING: tuple[type[Row], ...] = (CommandAnswer, AnswerExpiry, PartitionState)
CLIENTS = [kind for kind in COMMANDS if kind.sender is Sender.CLIENT]
ENGINES = [kind for kind in COMMANDS if kind.sender is Sender.ENGINE]


def _name(kind: CommandType) -> str:
    return kind.record.__name__


@dataclass
class Bench:
    """An engine with a run that waits for an event and one that waits for a worker."""

    driver: Driver
    given: dict[str, Any]
    ids: Iterator[int]

    def command(self, kind: CommandType) -> Command:
        """One that could be meant."""
        return plausible(kind.record, self.given)

    def message(self, command: Command, command_id: str, **sent: Any) -> Message | None:
        """The record; None if no client could write it."""
        try:
            out = outgoing(self.driver.avro, Sent(command=command, **sent), command_id)
        except (ValueError, TypeError, OverflowError, UnicodeError):
            return None
        topic = self.driver.topics.commands
        return Message(topic, out.key, out.value, out.headers, out.partition)

    def send(self, message: Message, command_id: str, tenant: str = "default") -> str | None:
        """The code it is refused with, or None; what the log or the decoder refuses is a code as
        well. A refusal must change nothing."""
        before, letters = self._dump(), len(self.driver.dead_letters())
        future: Future[Answered] = self.driver.processor.expect(tenant, command_id)
        try:
            self.driver.log.append_and_wait(message)
        except AppendRefused as refused:
            return refused.refused.code
        self.driver.settle()
        assert not self.driver.processor.stopped
        code = future.result(0).answer.code if future.done() else None
        if len(self.driver.dead_letters()) > letters:
            code = Code.MALFORMED
        else:
            assert future.done(), "neither an answer nor a dead letter"
        if code is not None:
            assert code in set(Code)
            assert self._changed(before) <= set(BOOKKEEPING), code
        return code

    def no_defects(self) -> bool:
        """Whether nothing had to be ruled on."""
        return self.driver.log.read_all(self.driver.topics.verdicts) == []

    def next_id(self) -> str:
        return f"hostile-{next(self.ids)}"

    def _dump(self) -> list[dict[bytes, bytes]]:
        stores = sorted(self.driver.memory_stores.items())
        return [dict(store.scan(b"", META)) for _, store in stores]

    def _changed(self, before: list[dict[bytes, bytes]]) -> set[type[Row]]:
        return {
            kind_of(key)
            for was, now in zip(before, self._dump(), strict=True)
            for key in was.keys() | now.keys()
            if was.get(key) != now.get(key)
        }


@pytest.fixture
def bench(memory: Driver) -> Bench:
    """See Bench."""
    register(memory, "waits", chain(event("go")))
    register(memory, "works", chain(task("work", max_attempts=3)))
    _define_unused(memory)
    run(memory, "waits", "waiting")
    story = run(memory, "works", "working").task("work")
    given = {"wf_run_id": "working", "guid": story.taken.guid}
    return Bench(memory, given, itertools.count())


def _define_unused(driver: Driver) -> None:
    """What commands may delete, or change: one definition of each kind, of one name."""
    for command in (
        a_task_def(UNUSED),
        a_struct_def(UNUSED, declared("field", "INT")),
        PutExternalEventDef(name=UNUSED),
        PutWorkflowEventDef(name=UNUSED),
        PutApplication(name=UNUSED, webhook_url="https://example.com"),
        PutWfSpec(name=UNUSED, spec=chain()),
        PutWebhook(name=UNUSED, wf_spec="waits", key_hash="0" * 64),
        ScheduleWf(schedule_id=UNUSED, wf_spec=UNUSED, cron="0 0 1 1 *"),
    ):
        accepted(driver, command)


@pytest.mark.parametrize("kind", CLIENTS, ids=_name)
def test_a_hostile_field_is_refused_or_harmless(bench: Bench, kind: CommandType) -> None:
    """Each field, one at a time; under the tenant's name and under one that nobody has."""
    codes: set[str | None] = set()
    for tenant in ("default", "nobody"):
        for what, command in variants(bench.command(kind)):
            command_id = bench.next_id()
            message = bench.message(command, command_id, tenant=tenant)
            if message is not None:
                codes.add(bench.send(message, command_id, tenant))
                assert bench.no_defects(), what
    assert codes - {None}, "nothing was refused"
    assert_lively(bench.driver)
    bench.driver.tasks("work", 1_000)  # some variants have the task sent again
    run(bench.driver, "works").task("work")


@pytest.mark.parametrize("kind", ENGINES, ids=_name)
def test_a_forged_command_of_the_engine_is_refused(bench: Bench, kind: CommandType) -> None:
    """From a client, whatever it says of itself in headers."""
    for _, command in [("as it is", bench.command(kind)), *variants(bench.command(kind))]:
        for headers in ({}, {"source": b"0", "stamp": b"5:5", "previous": b""}):
            command_id = bench.next_id()
            message = bench.message(command, command_id)
            if message is None:
                continue
            message = msgspec.structs.replace(message, headers=dict(message.headers) | headers)
            code = bench.send(message, command_id)
            assert code in (Code.FORBIDDEN, Code.WRONG_PARTITION, Code.MALFORMED, "TOO_LARGE")


@pytest.mark.parametrize("kind", [one for one in ENGINES if one.record is not Barrier], ids=_name)
def test_a_wrong_command_of_the_engine_stops_nothing(bench: Bench, kind: CommandType) -> None:
    """Whoever can write as the engine is trusted (design 6); a defect is ruled on all the same."""
    for _, command in variants(bench.command(kind)):
        message = bench.message(command, bench.next_id(), principal=ENGINE_PRINCIPAL)
        if message is not None:
            try:
                bench.driver.log.append_and_wait(message)
            except AppendRefused:
                continue
            bench.driver.settle()
            assert not bench.driver.processor.stopped
    run(bench.driver, "waits", "another").gets("go").completes()


@pytest.mark.parametrize("kind", CLIENTS, ids=_name)
def test_the_envelope_is_checked_for_each_command(bench: Bench, kind: CommandType) -> None:
    """Too late, of a version to come, on a wrong partition, under an id that was used."""
    command = bench.command(kind)

    def code(**changed: Any) -> str | None:
        command_id = bench.next_id()
        message = bench.message(command, command_id, not_after_ms=changed.pop("not_after_ms", None))
        assert message is not None
        return bench.send(msgspec.structs.replace(message, **changed), command_id)

    assert code(not_after_ms=1) == Code.EXPIRED
    assert code(headers={"command-id": b"hostile-1", VERSION: b"99"}) == Code.VERSION_UNKNOWN
    if kind.key is of_wf_run or kind.repeats is Repeats.REMEMBERED:
        command = _of_another_name(command)
        assert code(partition=(_partition(bench, kind, command) + 1) % 3) == Code.WRONG_PARTITION


def _of_another_name(command: Command) -> Command:
    """To define again what is there would be no change, and is no harm anywhere."""
    if type(command).__name__.startswith("Put") and hasattr(command, "name"):
        return msgspec.structs.replace(command, name="another-name")
    return command


def _partition(bench: Bench, kind: CommandType, command: Command) -> int:
    key = kind.key(command)
    return 0 if key is None else partition_of_run(key, bench.driver.topics.partitions)


REMEMBERED = [kind for kind in CLIENTS if kind.repeats is Repeats.REMEMBERED]


@pytest.mark.parametrize("kind", REMEMBERED, ids=_name)
def test_a_command_id_is_not_used_twice(bench: Bench, kind: CommandType) -> None:
    """For another command of the same kind, on the same partition."""
    first = bench.message(bench.command(kind), "once")
    assert first is not None
    number = _partition(bench, kind, bench.command(kind))
    bench.send(first, "once")
    for _, command in variants(bench.command(kind)):
        second = bench.message(command, "once")
        if command != bench.command(kind) and second is not None:
            code = bench.send(msgspec.structs.replace(second, partition=number), "once")
            if code not in (Code.MALFORMED, "TOO_LARGE"):
                assert code == Code.COMMAND_ID_REUSED
                return
    pytest.fail("no other command could be made")


def test_every_command_is_in_the_table() -> None:
    """So that none is left out here."""
    assert {kind.record for kind in COMMANDS} == set(TYPE_OF)
