"""One attempt of a task: inputs decoded to the function's types, the function called, and what came
of it as a report.

Every way in which a user's function can end becomes a report; nothing that it raises goes further
than this file.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any, Final, TypeVar

import msgspec

from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.task_heartbeat import TaskHeartbeat
from penstock.core.limits import ATTEMPT_LOGS_CHARS_MAX, RETRY_AFTER_MS_MAX, TEXT_CHARS_MAX
from penstock.core.state.failures import EXCEPTION_NAME, is_exception_name
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.task_rows import Repeated
from penstock.core.state.transitions import TaskStatus
from penstock.core.tasks.checkpoints import size_of
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value
from penstock.observe.tracing import spanning, tracing
from penstock.sdk import hints
from penstock.sdk.checkpoints import Checkpoints
from penstock.sdk.context import NO_WORDS, TaskContext, Words, plain_text
from penstock.sdk.errors import AddressGone, RetryLater, TaskError
from penstock.sdk.place import SDK_FOLDER
from penstock.sdk.secret import (
    NO_SECRETS,
    SecretMissing,
    SecretProvider,
    Secrets,
    from_environment,
)
from penstock.sdk.task import TaskDef

FRAMES_MAX: Final = 20

T = TypeVar("T")
Other = TypeVar("Other")


def tried(make: Callable[[], T], otherwise: Callable[[BaseException], Other]) -> T | Other:
    """What is made, or what is made of whatever was raised meanwhile: the user's functions and
    classes may raise anything, SystemExit too, and it may not end a thread that serves others.
    """
    try:
        return make()
    except BaseException as error:
        return otherwise(error)


class Attempt:
    """An attempt that a worker has taken."""

    __slots__ = (
        "_arguments",
        "_provider",
        "_secrets",
        "_started_ms",
        "_worker",
        "context",
        "scheduled",
        "task",
        "trace",
    )

    def __init__(
        self,
        task: TaskDef[..., Any],
        scheduled: ScheduledTask,
        worker: str,
        provider: SecretProvider = from_environment,
    ) -> None:
        self.task = task
        self.trace: bytes | None = None  # that it carries on
        self.scheduled = scheduled
        self._worker = worker
        self._provider = provider
        self._secrets = NO_SECRETS
        self.context = TaskContext(
            scheduled.wf_run_id, scheduled.guid, scheduled.attempt, scheduled.max_attempts
        )

    @property
    def named(self) -> dict[str, Any]:
        """The fields by which a worker's words name it."""
        scheduled = self.scheduled
        return {
            "wf_run_id": scheduled.wf_run_id,
            "guid": scheduled.guid,
            "attempt": scheduled.attempt,
            "worker": self._worker,
        }

    def keep_with(self, keep: Callable[[PutCheckpoint, Future[None]], None]) -> None:
        """Say how checkpoints are put aside."""

        def put(number: int, value: Value, kept: Future[None]) -> None:
            plain = self._secrets.hide_in(value)
            keep(PutCheckpoint(**self.named, number=number, value=plain), kept)

        scheduled = self.scheduled
        self.context.checkpoints = Checkpoints(
            put,
            scheduled.total_checkpoints,
            scheduled.checkpoint,
            used=scheduled.checkpoints_bytes,
            size=lambda value: size_of(self._secrets.hide_in(value)),
        )

    def heartbeat(self, progress: Value, words: Words) -> TaskHeartbeat:
        """A sign of life, with what is new. Each piece of the log ends its last line."""
        return TaskHeartbeat(
            **self.named,
            progress=progress,
            logs=_lines_of(words),
            metrics=words.metrics,
            piece=words.piece,
        )

    def with_rest(self, report: ReportTask) -> ReportTask:
        """The report with what heartbeats have not brought through since it was made. What one may
        have brought stands first, and is said to be that.
        """
        if not self.context.has_words:
            return report
        unheard = self.context.unheard or NO_WORDS
        said, rest = _lines_of(unheard), self.context.take_words()
        logs = said + _lines_of(rest) + report.logs
        return msgspec.structs.replace(
            report,
            logs=logs.removesuffix("\n")[:ATTEMPT_LOGS_CHARS_MAX],
            metrics=(*unheard.metrics, *rest.metrics, *report.metrics),
            repeats=Repeated(unheard.piece, len(said), len(unheard.metrics))
            if unheard.piece
            else None,
        )

    def run(self) -> ReportTask:
        """Call a sync function."""
        return tried(self._run, self._raised)

    def begin_async(self) -> Coroutine[Any, Any, Any] | ReportTask:
        """What to run in a task of asyncio's, or a report if the inputs do not fit."""
        return tried(self._begin_async, self._raised)

    def _run(self) -> ReportTask:
        problem = self._begin()
        if problem is not None:
            return problem
        return self._returned(
            self.task.call(self._arguments) if tracing() is None else self._call()
        )

    def _begin_async(self) -> Coroutine[Any, Any, Any] | ReportTask:
        problem = self._begin()
        if problem is not None:
            return problem
        return self.task.call(self._arguments) if tracing() is None else self._call_async()

    def _call(self) -> Any:
        with self._span():
            return self.task.call(self._arguments)

    async def _call_async(self) -> Any:
        with self._span():
            return await self.task.call(self._arguments)

    @contextmanager
    def _span(self) -> Generator[None]:
        """A span around the user's function; its report carries the trace on."""
        named = {"penstock.wf_run_id": self.scheduled.wf_run_id}
        with spanning(f"task {self.task.name}", self.trace, "CONSUMER", named) as trace:
            self.trace = trace
            yield

    def ended(self, running: asyncio.Future[Any]) -> ReportTask:
        """The report of the task of asyncio's that has ended; there an exception is a value."""
        if running.cancelled():
            return self._raised(asyncio.CancelledError("the function was cancelled"))
        error = running.exception()
        if error is not None:
            return self._raised(error)
        return tried(partial(self._returned, running.result()), self._raised)

    def _begin(self) -> ReportTask | None:
        """Decode the inputs; a report if they do not fit."""
        task, scheduled = self.task, self.scheduled
        self._started_ms = time.time_ns() // 1_000_000
        if self.context.cancelled:
            error = f"{self.context.stop} was asked for before it began"
            return self._report(TaskStatus.TASK_FAILED, error=error)
        inputs = scheduled.inputs
        try:
            if scheduled.secrets:
                self._secrets = Secrets(scheduled.secrets, self._provider)
                self.context.hide_in = self._secrets.hide_in
                inputs = inputs | self._secrets.values
        except SecretMissing as missing:  # another worker, or this one later, may know it
            return self._report(TaskStatus.TASK_FAILED, error=str(missing))
        try:
            self._arguments = task.decode(inputs)
        except ValueProblem as problem:
            return self._report(
                TaskStatus.TASK_INPUT_VAR_SUB_ERROR, error=f"inputs of {task.name}: {problem}"
            )
        if task.context_name is not None:
            self._arguments[task.context_name] = self.context
        return None

    def _returned(self, value: Any) -> ReportTask:
        task = self.task
        try:
            output = hints.to_json(value, task.return_type, task.return_hint)
        except ValueProblem as problem:
            return self._report(
                TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR, error=f"output of {task.name}: {problem}"
            )
        return self._report(TaskStatus.TASK_SUCCESS, output=output)

    def _raised(self, error: BaseException) -> ReportTask:
        """What is raised while it is told of is told instead, if that can be: it holds the first
        one, and may fail in the same way.
        """

        def raised_meanwhile(other: BaseException) -> ReportTask:
            return tried(partial(self._told, other), untold)

        def untold(_: BaseException) -> ReportTask:
            # Whatever its class is like, this names it.
            message = f"{object.__repr__(error)}: what it says can not be told"
            return self._report(TaskStatus.TASK_FAILED, error=message)

        return tried(partial(self._told, error), raised_meanwhile)

    def _told(self, error: BaseException) -> ReportTask:
        if isinstance(error, RetryLater):
            wait_ms = _wait_ms(error.after_s)
            return self._report(TaskStatus.TASK_FAILED, error=str(error), retry_after_ms=wait_ms)
        if not isinstance(error, TaskError):
            told = _traced(error)  # it knows the text of an exception that can not tell it
            message = f"{type(error).__name__}: {told}"
            trace = "".join(told.format())
            return self._report(TaskStatus.TASK_FAILED, error=message, trace=trace)
        name = self._secrets.hide(error.name)
        if not is_exception_name(name):  # the report would be refused, and the task time out
            message = f"TaskError {name[:128]!r}: {error.message}; as its name, use"
            return self._report(TaskStatus.TASK_FAILED, error=f"{message} {EXCEPTION_NAME}")
        try:
            content = hints.to_json(error.content, None)
        except ValueProblem as problem:
            return self._report(
                TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR, error=f"{name}: {problem}"
            )
        return self._report(
            TaskStatus.TASK_EXCEPTION,
            output=content,
            error=error.message,
            exception=name,
            address_gone=isinstance(error, AddressGone),
        )

    def _report(
        self,
        status: TaskStatus,
        *,
        output: Any = None,
        error: str | None = None,
        exception: str | None = None,
        trace: str = "",
        retry_after_ms: int = 0,
        address_gone: bool = False,
    ) -> ReportTask:
        scheduled, hide = self.scheduled, self._secrets.hide
        logs, metrics, _ = self.context.take_words()
        if trace:
            trace = hide(trace)[-ATTEMPT_LOGS_CHARS_MAX:]
            room = max(0, ATTEMPT_LOGS_CHARS_MAX - len(trace) - 1)
            logs = f"{logs[:room]}\n{trace}" if logs else trace
        return ReportTask(
            wf_run_id=scheduled.wf_run_id,
            guid=scheduled.guid,
            attempt=scheduled.attempt,
            status=status,
            output=self._secrets.hide_in(output),
            error=None if error is None else plain_text(hide(error)[:TEXT_CHARS_MAX]),
            exception=exception,
            logs=plain_text(logs[:ATTEMPT_LOGS_CHARS_MAX]),
            worker=self._worker,
            started_at_ms=self._started_ms,
            metrics=metrics,
            retry_after_ms=retry_after_ms,
            address_gone=address_gone,
        )


def with_less(report: ReportTask, reason: str) -> ReportTask | None:
    """The report in place of one that is not taken as it is; None if nothing can be left out. The
    result is the last: its run waits for it.
    """
    if report.metrics:
        return msgspec.structs.replace(report, metrics=())
    if report.logs:
        return msgspec.structs.replace(report, logs="", repeats=None)
    if report.output is not None:
        return msgspec.structs.replace(
            report,
            status=TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR,
            output=None,
            error=reason,
            exception=None,
            repeats=None,
        )
    return None


def _lines_of(words: Words) -> str:
    return f"{plain_text(words.logs)}\n" if words.logs else ""


def _wait_ms(after_s: float) -> int:
    """A wish to wait, as the engine takes it; one that is no number is none."""
    return round(1_000 * min(after_s, RETRY_AFTER_MS_MAX / 1_000)) if after_s > 0 else 0


def _traced(error: BaseException) -> traceback.TracebackException:
    """The exception with its traceback from the user's function on, bounded."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None and _is_ours(at):
        at = at.tb_next
    return traceback.TracebackException(type(error), error, at, limit=-FRAMES_MAX)


def _is_ours(at: TracebackType) -> bool:
    return at.tb_frame.f_code.co_filename.startswith(SDK_FOLDER)
