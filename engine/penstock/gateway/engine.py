"""The gateway's way to the engine: a command is appended to the log, and answered once its fold is
written.

Rules
- The answer is expected before the command is appended: no answer can be missed.
- Under one (tenant, command id) one command is under way at a time: answers are told apart by these
  two.
- New work is refused when there is too much of it (load.py, R18), or its sender brings too much
  (quotas.py).
- A deadline says nothing about the command: it may still take effect, and the same id gets its
  answer.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.contracts.wire import Outgoing, Sent, outgoing
from penstock.core.command import Command
from penstock.core.commands.put_correlated_event import PutCorrelatedEvent
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.run_by_webhook import RunByWebhook
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.definitions.defs import ExternalEventDef
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.definitions.webhooks import Webhook
from penstock.core.definitions.wf_spec import LatestWfSpec, MajorWfSpec, WfSpec
from penstock.core.errors import MENDED_BY_TIME, Code
from penstock.core.ids import partition_of
from penstock.core.limits import COMMAND_BYTES_MAX
from penstock.core.state.rows import Row
from penstock.gateway.auth import Caller
from penstock.gateway.errors import ApiError, EdgeCode, NotHere, append_failed, bad_request
from penstock.gateway.load import Limits, Load
from penstock.gateway.quotas import Quotas
from penstock.gateway.reads import Reads
from penstock.log.port import EngineLog, LogError, Message, Position
from penstock.observe import tracing
from penstock.processor.answers import Answered, Key
from penstock.processor.processor import Processor

APPEND_THREADS: Final = 32
SPREAD_S: Final = 1.0
"""A definition that was decided is on all partitions long before this is over."""


class Engine:
    """Sends commands. Used on the event loop."""

    def __init__(
        self,
        *,
        processor: Processor,
        log: EngineLog,
        avro: Avro,
        topics: Topics,
        reads: Reads,
        limits: Limits,
        load: Load,
    ) -> None:
        self._load = load
        self._processor = processor
        self._log = log
        self._avro = avro
        self._topics = topics
        self._reads = reads
        self._limits = limits
        self.quotas = Quotas(reads)
        self._under_way: dict[Key, asyncio.Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[int, set[asyncio.Future[Answered]]] = {}
        self._threads = ThreadPoolExecutor(APPEND_THREADS) if limits.blocking_appends else None

    @property
    def in_flight(self) -> int:
        """How many commands are under way."""
        return self._load.in_flight

    def close(self) -> None:
        """Nothing more will be sent."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    def departed(self, number: int) -> None:
        """Nothing of a partition is answered here any more: its new owner is to be asked. Called by
        the fold's thread.
        """
        if self._loop is not None:
            _call(self._loop, self._leave, number)

    def _leave(self, number: int) -> None:
        for answered in self._waiting.get(number, ()):
            _fail(answered, NotHere(number))

    async def send(
        self, command: Command, caller: Caller, command_id: str, *, timeout_s: float | None = None
    ) -> Answered:
        """Append a command and wait for its answer, which may be a refusal. Raises ApiError when
        there is none.
        """
        caller.check_sent(command)
        record = self._record(command, caller, command_id)
        number = self._number(record)
        self._reads.check_takes(number)
        self._load.check(command, number)
        self.quotas.check(command, caller.tenant, caller.principal)
        self._load.in_flight += 1
        try:
            async with asyncio.timeout(timeout_s or self._limits.answer_timeout_s):
                async with self._alone((caller.tenant, command_id)):
                    return await self._answered(command, caller, command_id, record, number)
        except TimeoutError as error:
            raise ApiError(
                EdgeCode.ANSWER_TIMEOUT,
                "no answer in time; the command may still take effect: retry with the same command"
                f" id, {command_id}",
            ) from error
        finally:
            self._load.in_flight -= 1

    async def _answered(
        self, command: Command, caller: Caller, command_id: str, record: Outgoing, number: int
    ) -> Answered:
        """Send until the answer is none that time mends: partition 0 may know what `number` does
        not yet.
        """
        headers = {**record.headers, **tracing.outgoing()}
        message = Message(self._topics.commands, record.key, record.value, headers, number)
        tries = 0
        while True:
            answered = await self._once((caller.tenant, command_id), message)
            if answered.answer.code not in MENDED_BY_TIME or number == DECIDING_PARTITION:
                return answered
            wanted = _definition(command, caller.tenant, answered.answer.code)
            if wanted is None or not await self._will_come(number, *wanted, again=tries > 0):
                return answered
            tries += 1

    async def comes(self, kind: type[Row], key: bytes) -> bool:
        """Whether a partition that is here has a definition, soon."""
        number = self._reads.any_open()
        return self._reads.view(number).view.get(kind, key) is not None or (
            number != DECIDING_PARTITION and await self._will_come(number, kind, key)
        )

    async def _will_come(
        self, number: int, kind: type[Row], key: bytes, *, again: bool = False
    ) -> bool:
        """Whether a partition gets a definition that partition 0 has; returns when it has it. If
        another node has partition 0, it is given a moment to come, once.
        """
        if not self._reads.is_open(DECIDING_PARTITION):
            return (
                not again
                and await self._reads.until(
                    number,
                    key,
                    lambda view: True if not _is_gone(view.view.get(kind, key)) else None,
                    SPREAD_S,
                )
                is not None
            )
        if _is_gone(self._reads.definitions().view.get(kind, key)):
            return False
        found = await self._reads.until(
            number, key, lambda view: view.view.get(kind, key), self._limits.answer_timeout_s
        )
        return found is not None

    async def _once(self, key: Key, message: Message) -> Answered:
        """Append, and wait for what the fold says."""
        loop = self._loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answered] = loop.create_future()
        number = message.partition
        assert number is not None, "a command has its partition"
        waiting = self._waiting.setdefault(number, set())
        waiting.add(answered)
        expected = self._processor.expect(*key)
        expected.add_done_callback(lambda done: _call(loop, _answer, answered, done))

        def acked(result: Position | LogError) -> None:
            if isinstance(result, LogError):
                _call(loop, _fail, answered, result)

        try:
            self._reads.check_takes(number)  # only now: from here on a departure is told
            if self._threads is None:
                self._log.append(message, acked)
            else:
                await loop.run_in_executor(self._threads, self._log.append, message, acked)
            return await answered
        except LogError as error:
            raise append_failed(error) from error
        finally:
            waiting.discard(answered)
            if not expected.done():
                self._processor.waiters.forget(key, expected)

    def _record(self, command: Command, caller: Caller, command_id: str) -> Outgoing:
        """The command's record; refuses here what no fold could even read."""
        for name in command.__struct_fields__:
            text = getattr(command, name)
            if isinstance(text, str) and "\x00" in text:
                raise bad_request(f"`{name}` has a NUL character")
        sent = Sent(command=command, tenant=caller.tenant, principal=caller.principal)
        try:
            record = outgoing(self._avro, sent, command_id)
        except (TypeError, ValueError, OverflowError) as error:
            raise ApiError(Code.BAD_VALUE, f"the command can not be written: {error}") from error
        if len(record.value) > COMMAND_BYTES_MAX:
            raise ApiError(
                Code.TOO_LARGE,
                f"the command has {len(record.value)} bytes; it may have {COMMAND_BYTES_MAX}",
            )
        return record

    def _number(self, record: Outgoing) -> int:
        if record.partition is not None:
            return record.partition
        return partition_of(record.key or b"", self._reads.partitions)

    @asynccontextmanager
    async def _alone(self, key: Key) -> AsyncGenerator[None]:
        while (other := self._under_way.get(key)) is not None:
            await other.wait()
        mine = self._under_way[key] = asyncio.Event()
        try:
            yield
        finally:
            del self._under_way[key]
            mine.set()


def new_command_id() -> str:
    """An id for a command whose sender gave none. It may be drawn: no fold has seen it yet."""
    return uuid.uuid4().hex


def _definition(command: Command, tenant: str, code: str | None) -> tuple[type[Row], bytes] | None:
    """The row whose absence a refusal may be about."""
    match command:
        case RunWf() | ScheduleWf():
            return _spec_row(command, tenant)
        case PutExternalEvent(event_def=name) | PutCorrelatedEvent(event_def=name):
            return ExternalEventDef, ExternalEventDef.key(tenant, name)
        case RunByWebhook(webhook=name) if code == Code.WEBHOOK_UNKNOWN:
            return Webhook, Webhook.key(tenant, name)
        case _:
            return None


def _spec_row(command: RunWf | ScheduleWf, tenant: str) -> tuple[type[Row], bytes] | None:
    name, version, major = command.wf_spec, command.version, command.major
    if command.revision is not None:
        return None
    if major is not None:
        return (MajorWfSpec, MajorWfSpec.key(tenant, name, major)) if major >= 0 else None
    if version is None:
        return LatestWfSpec, LatestWfSpec.key(tenant, name)
    return (WfSpec, WfSpec.key(tenant, name, version)) if version > 0 else None


def _is_gone(row: Row | None) -> bool:
    """Whether nothing can be started by what partition 0 has decided."""
    match row:
        case None | WfSpec(deleted_ms=int()) | LatestWfSpec(version=0) | MajorWfSpec(version=0):
            return True
        case _:
            return False


def _call(loop: asyncio.AbstractEventLoop, *what: object) -> None:
    """Go over to the event loop; one that is closed has nobody left to tell."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(*what)  # pyright: ignore[reportArgumentType]


def _answer(waiting: asyncio.Future[Answered], done: Future[Answered]) -> None:
    if not waiting.done() and not done.cancelled():
        waiting.set_result(done.result())


def _fail(waiting: asyncio.Future[Answered], error: Exception) -> None:
    if not waiting.done():
        waiting.set_exception(error)
