"""Tasks over HTTP: a long poll for each TaskDef, a report for each attempt, all on one event loop
of its own. Together they bring no more than the worker has free slots (slot_shares.py).

A poll that ends when the worker stops is waited for while it is young: the server starts a task for
the worker that it gives it to, so a task that arrives must be run. One that has waited long in an
empty queue is cut off, which the server notices.

Heartbeats, and the look at what is to stop, are in http_signs.py.

Rules
- A report is sent until Penstock itself has answered it, or the worker ends; that it refuses the
  credential is no answer to the report.
- Whatever comes of an exchange, none of the loops here ends with it: outcomes are values.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, Final, TypeVar

from msgspec import Struct

from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.put_checkpoint import STOP_TASK, PutCheckpoint
from penstock.core.commands.report_task import ReportTask
from penstock.core.errors import Code
from penstock.core.state.outputs import ScheduledTask
from penstock.core.values.value import Value
from penstock.sdk import api
from penstock.sdk.attempt import Attempt, with_less
from penstock.sdk.errors import Forbidden, PenstockError, Unavailable, error_of
from penstock.sdk.http_line import TOO_LARGE, UNFIT, Line, command
from penstock.sdk.http_signs import Signs
from penstock.sdk.late_reports import LateReports
from penstock.sdk.polled import Polled
from penstock.sdk.runner import Job, Runner
from penstock.sdk.slot_shares import WAIT_FIRST_S, Share, SlotShares
from penstock.sdk.task import TaskDef

CONFLICT: Final = 409
UNKNOWN_PAUSE_S: Final = 0.5
LOOK_S: Final = 0.1  # whether the last reports are waited for
CONNECTIONS_MAX: Final = 8
"""For what ends an attempt, or is kept: each request looks at every connection that is open."""

logger = logging.getLogger("penstock.worker")

T = TypeVar("T")


class _Ended(Struct):
    status: str


class _Kept(Struct):
    stop: str | None
    flow: str


class HttpSource:
    """See worker.Source. Jobs tell it what becomes of them (see runner.Engine). `lets_go` says
    whether, while it closes, nobody waits for the reports any longer.
    """

    leases = True

    def __init__(
        self,
        url: str,
        tenant: str,
        worker: str,
        tasks: Mapping[str, TaskDef[..., Any]],
        runner: Runner,
        api_key: str | None = None,
        lets_go: Callable[[], bool] = lambda: False,
    ) -> None:
        self._url = url
        self._api_key = api_key
        self._tenant = tenant
        self._worker = worker
        self._tasks = tasks
        self._runner = runner
        self._lets_go = lets_go
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="penstock-http", daemon=True)
        self._pollers: list[asyncio.Task[None]] = []
        self._reports: set[asyncio.Task[None]] = set()
        self._speaking = Lock()
        self._is_closing = False
        self._beats: set[asyncio.Task[None]] = set()
        self._signs: Signs
        self._late: LateReports
        self._shares: SlotShares
        self._ending: asyncio.Event

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()
        self._call(self._start())

    def stop_taking(self) -> None:
        """Wait for the polls that are young, cut off the others."""
        self._call(self._stop_taking())

    def close(self, timeout_s: float) -> int:
        """Wait for the reports; how many are lost. What is said from here on is not heard."""
        with self._speaking:
            self._is_closing = True
        lost = self._call(self._close(timeout_s))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._loop.close()
        return lost

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _start(self) -> None:
        to = self._url, self._tenant, self._worker, self._api_key
        self._line = Line(*to, connections_max=CONNECTIONS_MAX)
        self._polling = Line(*to)
        self._beating = Line(*to)
        self._signs = Signs(self._beating, self._runner, self._worker)
        self._late = LateReports(self._worker, lambda: self._shares.changed())
        self._shares = SlotShares(self._runner, self._tasks, lambda: self._late.count)
        self._ending = asyncio.Event()
        self._pollers = [asyncio.create_task(self._poll(task)) for task in self._tasks.values()]
        self._looking = asyncio.create_task(self._signs.look())

    async def _stop_taking(self) -> None:
        self._ending.set()
        self._shares.stop()
        _, waiting = await asyncio.wait(self._pollers, timeout=2 * WAIT_FIRST_S)
        for poller in waiting:
            poller.cancel()
        await asyncio.gather(*self._pollers, return_exceptions=True)

    async def _close(self, timeout_s: float) -> int:
        self._looking.cancel()
        until = time.monotonic() + timeout_s
        while self._reports and time.monotonic() < until and not self._lets_go():
            await asyncio.wait(self._reports, timeout=LOOK_S)
        unsent = list(self._reports)
        if unsent:
            logger.warning("%d reports did not get through", len(unsent))
        under_way = [*unsent, *self._beats, self._looking]
        for one in under_way:
            one.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for line in (self._line, self._polling, self._beating):
            await line.close()
        return len(unsent)

    # Tasks.

    async def _poll(self, task: TaskDef[..., Any]) -> None:
        """Poll for one TaskDef until the worker stops."""
        retry = 0
        while (share := await self._shares.take(task.name)) is not None:
            taken: list[ScheduledTask] = []
            pause_s = share.pause_s
            try:
                outcome = await self._polling.outcome(self._take(task, share))
                if isinstance(outcome, PenstockError):
                    is_final = api.is_final(outcome)
                    if retry == 0:
                        is_usual = is_final and not isinstance(outcome, Forbidden)
                        level = logging.INFO if is_usual else logging.WARNING
                        told = "%s: no tasks of %s: %s"
                        logger.log(level, told, self._worker, task.name, outcome)
                    pause_s = UNKNOWN_PAUSE_S if is_final else api.pause_s(retry, outcome)
                    retry += 1
                else:
                    taken, retry = outcome, 0
            finally:  # nothing is awaited between here and the submit: the slots stay this poll's
                self._shares.leave(task.name, len(taken))
            for scheduled in taken:
                attempt = Attempt(task, scheduled, self._worker, self._runner.secrets)
                self._runner.submit(Job(attempt, self))
            if not taken and pause_s:
                await self._sleep(pause_s)

    async def _take(self, task: TaskDef[..., Any], share: Share) -> list[ScheduledTask]:
        wait_ms = int(share.wait_s * 1_000)
        body = {
            "worker": self._worker,
            "slots": self._runner.slots,
            "tasks_max": share.tasks_max,
            "wait_ms": wait_ms,
        }
        path = f"/v1/task-queues/{task.name}/poll"
        call = api.Call(method="POST", path=path, body=body, wait_s=share.wait_s)
        polled = await self._polling.ask(call, Polled)
        return [given.scheduled(self._tenant) for given in polled.tasks]

    # Reports.

    def report(self, job: Job, report: ReportTask) -> None:
        """The attempt has ended."""
        self._soon(self._report(job, report), self._reports)

    def hand_back(self, job: Job) -> None:
        """The worker gives the attempt up."""
        handing_back = self._send("/v1/tasks/hand-back", HandBackTask(**job.attempt.named))
        self._soon(handing_back, self._reports)

    def started(self, job: Job) -> None:
        """The server knows: it has started the attempt for this worker."""

    def beat(self, job: Job, progress: Value, with_words: bool) -> None:
        """The attempt lives."""
        self._soon(self._signs.beat(job, progress, with_words), self._beats)

    def keep(self, job: Job, checkpoint: PutCheckpoint, kept: Future[None]) -> None:
        """The attempt puts a value aside."""
        if not self._soon(self._keep(job, checkpoint, kept), self._reports):
            kept.set_exception(_left(checkpoint))

    def _soon(self, sending: Coroutine[Any, Any, None], others: set[asyncio.Task[None]]) -> bool:
        """Any thread may. False if the source closes: the attempt was given up, and what it says
        would come behind all that is waited for.
        """
        with self._speaking:
            if not self._is_closing:
                self._loop.call_soon_threadsafe(self._begin, sending, others)
                return True
        sending.close()
        logger.warning("%s: an attempt speaks too late to be heard", self._worker)
        return False

    def _begin(self, sending: Coroutine[Any, Any, None], others: set[asyncio.Task[None]]) -> None:
        task = self._loop.create_task(sending)
        others.add(task)
        task.add_done_callback(others.discard)

    async def _report(self, job: Job, report: ReportTask) -> None:
        """After the heartbeat that is under way: the report carries what that did not."""
        self._shares.changed()
        await self._signs.settled(job)
        report = job.attempt.with_rest(report)
        await self._send("/v1/tasks/report", report, job.attempt.trace)

    async def _send(
        self, path: str, report: ReportTask | HandBackTask, trace: bytes | None = None
    ) -> None:
        """Send a report until it is answered for good; room for another task is told of at once.
        One that does not fit says less then, as long as that helps.
        """
        self._shares.changed()
        try:
            await self._answered(command(path, report, trace), _Ended)
        except PenstockError as error:
            logger.warning("a report of %s is not taken: %s", report.wf_run_id, error)
            less = None
            if error.status in UNFIT and isinstance(report, ReportTask):
                less = with_less(report, f"output: {error.message}")
            if less is not None:
                await self._send(path, less, trace)

    async def _keep(self, job: Job, checkpoint: PutCheckpoint, kept: Future[None]) -> None:
        """Send a checkpoint until it is answered for good; the answer may say to stop. That of an
        attempt which is over is not kept: its function may not go on as if it were.
        """
        try:
            call = command("/v1/tasks/checkpoint", checkpoint, job.attempt.trace)
            told = await self._answered(call, _Kept)
            is_over = told.flow == STOP_TASK and told.stop is None
            stop = "over" if is_over else told.stop
            if stop is not None:
                self._runner.ask_to_stop(*job.key, stop)
            if is_over:
                not_kept = f"checkpoint {checkpoint.number} is not kept: its attempt is over"
                raise error_of(CONFLICT, Code.ATTEMPT_ENDED, not_kept)
            kept.set_result(None)
        except PenstockError as error:
            logger.warning("a checkpoint of %s is not taken: %s", checkpoint.wf_run_id, error)
            kept.set_exception(error)
        finally:
            if not kept.done():  # the worker has left
                kept.set_exception(_left(checkpoint))

    async def _answered(self, call: api.Call, kind: type[T]) -> T:
        """The answer to what is sent until it is answered for good. That its caller is refused says
        nothing of it: its credential may be good a moment later, as it was when the task was taken.
        """
        retry = 0
        with self._late.one() as failed:
            while True:
                outcome = await self._line.outcome(self._line.ask(call, kind))
                if not isinstance(outcome, PenstockError):
                    return outcome
                is_final = api.is_final(outcome) or outcome.status == TOO_LARGE
                if is_final and not isinstance(outcome, Forbidden):
                    raise outcome
                failed(outcome)
                await asyncio.sleep(api.pause_s(retry, outcome))
                retry += 1

    async def _sleep(self, pause_s: float) -> None:
        """Sleep, but not beyond the worker's end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._ending.wait()


def _left(checkpoint: PutCheckpoint) -> Unavailable:
    told = f"checkpoint {checkpoint.number}: its worker has left before it was answered"
    return Unavailable("WORKER_LEFT", told)
