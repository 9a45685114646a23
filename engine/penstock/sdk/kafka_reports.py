"""What a worker over Kafka says of its tasks: appended to `commands`, from any thread.

Rules
- The end of an attempt, its hand-back and its TaskStarted are sent until the log has them, whatever
it finds fault with: the mark of their partition waits for them. Of the rest, what is refused for
good is told to who has said it.
- What is too large for the log says less, as over HTTP; but a broker refuses all that has come in
one batch with it, so it is tried as it is a few times before.
- While the log takes nothing, what comes waits behind what waits already, and one of them is sent
now and then: a slot or an event loop that has something to say is not held up.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Final

from penstock.contracts.avro import Avro
from penstock.contracts.wire import Sent, client_headers, command_value
from penstock.core.command import Command
from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.task_started import TaskStarted
from penstock.core.ids import root_of
from penstock.core.limits import COMMAND_BYTES_MAX
from penstock.log.port import (
    AppendRefused,
    LogError,
    LogFatal,
    LogUnavailable,
    Message,
    Position,
    Producer,
)
from penstock.observe.tracing import TRACEPARENT
from penstock.sdk import api
from penstock.sdk.attempt import with_less
from penstock.sdk.late_reports import SAID_S
from penstock.sdk.runner import Job

TRIES_WHOLE: Final = 3  # of what the log finds too large, before it says less
SETTLE_LOOK_S: Final = 0.005
UNSAYABLE: Final = (TypeError, ValueError, OverflowError)
NEEDED: Final = (ReportTask, HandBackTask, TaskStarted)
ENDS: Final = (ReportTask, HandBackTask)

Told = Callable[[LogError | None], None]
"""Hears that the log has it, or why it has not, for certain."""

logger = logging.getLogger("penstock.worker")


def nobody(error: LogError | None) -> None:
    """Nobody wants to hear it."""


@dataclass(slots=True, eq=False)
class _Said:
    """What is said of a job. `acked` has the places of records of which the log has heard."""

    job: Job
    command: Command
    message: Message
    acked: deque[tuple[int, int]]
    told: Told
    is_late: bool = False
    too_large: int = 0  # how often the log has said so

    @property
    def is_end(self) -> bool:
        return isinstance(self.command, ENDS)


class KafkaReports:
    """One for a worker. Somebody has to call `send_again` again and again."""

    def __init__(self, producer: Producer, avro: Avro, commands: str, worker: str) -> None:
        self._producer = producer
        self._commands = commands
        self._worker = worker
        self._avro = avro
        self._lock = Lock()
        self._open: set[_Said] = set()
        self._waiting: deque[_Said] = deque()
        self._ends = 0
        self._late = 0
        self._retry = 0
        self._again_s = 0.0
        self._takes_nothing = False
        self._logged_s: float | None = None
        self._closed = False

    @property
    def unheard(self) -> int:
        """How many attempts have ended of which the log does not know it yet."""
        return self._ends

    def send(
        self, acked: deque[tuple[int, int]], job: Job, command: Command, told: Told = nobody
    ) -> bool:
        """Append what is said of a task to the partition that it names; False if it can not be."""
        try:
            command, message = self._fitting(job, command)
        except UNSAYABLE as error:
            told(LogError(str(error)))
            return False
        said = _Said(job, command, message, acked, told)
        with self._lock:
            self._open.add(said)
            self._ends += said.is_end
        if self._takes_nothing and not self._closed:
            self._waiting.append(said)
        else:
            self._append(said)
        return True

    def send_again(self) -> None:
        """Append what the log did not take, after a pause that grows as long as it takes nothing.
        What was too large goes one by one.
        """
        while self._waiting and time.monotonic() >= self._again_s:
            try:
                said = self._waiting.popleft()
            except IndexError:  # another reader has taken the last one
                return
            self._append(said)
            if said.too_large:
                return

    def settle(self, timeout_s: float) -> None:
        """Wait until the log has all that was said."""
        deadline = time.monotonic() + timeout_s
        while self._open and time.monotonic() < deadline:
            self.send_again()
            time.sleep(SETTLE_LOOK_S)

    def close(self) -> None:
        """Give up what the log does not have: a function may wait for it."""
        if self._ends:
            logger.warning("%s: reports that do not get through: %d", self._worker, self._ends)
        self._closed = True
        self._producer.close()
        for said in list(self._open):
            self._over(said, LogUnavailable("its worker has left"))

    def _fitting(self, job: Job, command: Command) -> tuple[Command, Message]:
        """As a message. A report that can not be sent says less, as long as that helps; raises what
        is wrong with it when there is nothing left to leave out.
        """
        try:
            return command, self._message(job, command)
        except UNSAYABLE as error:
            logger.warning("%s of %s: %s", _kind(command), job.attempt.task.name, error)
            less = _less(command, str(error))
            if less is None:
                raise
            return self._fitting(job, less)

    def _message(self, job: Job, command: Command) -> Message:
        scheduled, trace = job.attempt.scheduled, job.attempt.trace
        value = command_value(self._avro, Sent(command=command, tenant=scheduled.tenant))
        if len(value) > COMMAND_BYTES_MAX:
            raise ValueError(f"{len(value)} bytes: a command may have {COMMAND_BYTES_MAX}")
        key = root_of(scheduled.wf_run_id).encode()
        headers = _HEADERS if trace is None else {**_HEADERS, TRACEPARENT: trace}
        return Message(self._commands, key, value, headers, scheduled.report_partition)

    def _append(self, said: _Said) -> None:
        try:
            self._producer.append(said.message, partial(self._acked, said))
        except LogError as error:
            self._failed(said, error)

    def _acked(self, said: _Said, result: Position | LogError) -> None:
        if isinstance(result, LogError):
            self._failed(said, result)
            return
        self._retry, self._takes_nothing = 0, False
        said.acked.append((said.job.partition, said.job.offset))
        self._over(said, None)

    def _failed(self, said: _Said, error: LogError) -> None:
        """The log has not taken it."""
        if self._closed:
            self._over(said, LogUnavailable("its worker has left"))
        elif isinstance(error, AppendRefused | LogFatal) and not isinstance(said.command, NEEDED):
            logger.warning("%s: %s: %s", said.job.attempt.task.name, _kind(said.command), error)
            self._over(said, error)
        else:
            if isinstance(error, AppendRefused) and error.refused.code == "TOO_LARGE":
                self._cut(said, str(error))
            self._put_off(said, error)

    def _cut(self, said: _Said, why: str) -> None:
        """Say less, if it was too large often enough, and as long as that helps."""
        said.too_large += 1
        less = _less(said.command, why) if said.too_large >= TRIES_WHOLE else None
        if less is not None:
            logger.warning("%s of %s: %s", _kind(less), said.job.attempt.task.name, why)
            said.command, said.message = self._fitting(said.job, less)
            said.too_large = 1

    def _put_off(self, said: _Said, error: LogError) -> None:
        now_s = time.monotonic()
        with self._lock:
            self._late += not said.is_late
            said.is_late = True
            if now_s >= self._again_s:  # others that were under way with it make no pause longer
                self._again_s = now_s + api.pause_s(self._retry)
                self._retry += 1
            is_told = self._logged_s is None or now_s - self._logged_s >= SAID_S
            if is_told:
                self._logged_s = now_s
            late = self._late
        self._takes_nothing = True
        self._waiting.append(said)
        if is_told:
            logger.warning("%s: reports that wait for the log: %d (%s)", self._worker, late, error)

    def _over(self, said: _Said, error: LogError | None) -> None:
        """It is in the log, or given up."""
        with self._lock:
            if said not in self._open:
                return
            self._open.remove(said)
            self._ends -= said.is_end
            self._late -= said.is_late
            is_told = said.is_late and not self._late
            if is_told:
                self._logged_s = None
        if is_told and error is None:
            logger.warning("%s: no report waits any more", self._worker)
        said.told(error)


def _less(command: Command, why: str) -> Command | None:
    return with_less(command, why) if isinstance(command, ReportTask) else None


def _kind(command: Command) -> str:
    return type(command).__name__


_HEADERS: Final = client_headers(None)
