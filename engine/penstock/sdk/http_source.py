"""Tasks over HTTP: a long poll for each TaskDef, a report for each attempt, all on one event loop
of its own. Together they bring no more than the worker has free slots (slot_shares.py).

A poll that ends when the worker stops is waited for while it is young: the server starts a task for
the worker that it gives it to, so a task that arrives must be run. One that has waited long in an
empty queue is cut off, which the server notices.

While attempts run for longer, the server is asked which of them are to stop: a read, which writes
nothing, so that it may be often. The answers to heartbeats say it too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any, Final

import httpx
import msgspec

from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.put_checkpoint import STOP_TASK, PutCheckpoint
from penstock.core.commands.report_task import ReportTask
from penstock.core.state.outputs import ScheduledTask
from penstock.core.values.value import Value
from penstock.sdk import api, credential
from penstock.sdk.attempt import Attempt, without_output
from penstock.sdk.context import NO_WORDS
from penstock.sdk.errors import PenstockError, Unavailable
from penstock.sdk.runner import Job, Runner
from penstock.sdk.slot_shares import WAIT_FIRST_S, Share, SlotShares
from penstock.sdk.task import TaskDef

REPORT_DEADLINE_S: Final = 120.0
UNKNOWN_PAUSE_S: Final = 0.5
STOPS_S: Final = 0.4  # between two looks at what is to stop, and how long an attempt runs before
ATTEMPTS_MAX: Final = 1_000  # of one look; the server's bound
CONNECTIONS_MAX: Final = 8
"""For all but the polls: each request looks at every connection that is open."""

logger = logging.getLogger("penstock.worker")


class HttpSource:
    """See worker.Source. Jobs tell it what becomes of them (see runner.Engine)."""

    leases = True

    def __init__(
        self,
        url: str,
        tenant: str,
        worker: str,
        tasks: Mapping[str, TaskDef[..., Any]],
        runner: Runner,
        api_key: str | None = None,
    ) -> None:
        self._url = url
        self._api_key = api_key
        self._tenant = tenant
        self._worker = worker
        self._tasks = tasks
        self._runner = runner
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="penstock-http", daemon=True)
        self._pollers: list[asyncio.Task[None]] = []
        self._reports: set[asyncio.Task[None]] = set()
        self._beating: dict[Job, asyncio.Task[Any] | None] = {}
        self._shares: SlotShares
        self._ending: asyncio.Event

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()
        self._call(self._start())

    def stop_taking(self) -> None:
        """Wait for the polls that are young, cut off the others."""
        self._call(self._stop_taking())

    def close(self, timeout_s: float) -> None:
        """Wait for the reports."""
        self._call(self._close(timeout_s))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _start(self) -> None:
        how = credential.options(self._url, self._api_key)
        few, one_each = (httpx.Limits(max_connections=most) for most in (CONNECTIONS_MAX, None))
        self._http = httpx.AsyncClient(limits=few, **how)
        self._polling = httpx.AsyncClient(limits=one_each, **how)
        self._shares = SlotShares(self._runner, self._tasks)
        self._ending = asyncio.Event()
        self._pollers = [asyncio.create_task(self._poll(task)) for task in self._tasks.values()]
        self._looking = asyncio.create_task(self._look())

    async def _stop_taking(self) -> None:
        self._ending.set()
        self._shares.stop()
        _, waiting = await asyncio.wait(self._pollers, timeout=2 * WAIT_FIRST_S)
        for poller in waiting:
            poller.cancel()
        await asyncio.gather(*self._pollers, return_exceptions=True)

    async def _close(self, timeout_s: float) -> None:
        self._looking.cancel()
        if self._reports:
            _, unsent = await asyncio.wait(self._reports, timeout=timeout_s)
            if unsent:
                logger.warning("%d reports did not get through", len(unsent))
            for report in unsent:
                report.cancel()
            await asyncio.gather(*unsent, return_exceptions=True)
        await self._http.aclose()
        await self._polling.aclose()

    # Tasks.

    async def _poll(self, task: TaskDef[..., Any]) -> None:
        """Poll for one TaskDef until the worker stops."""
        retry = 0
        while (share := await self._shares.take(task.name)) is not None:
            taken: list[ScheduledTask] = []
            pause_s = share.pause_s
            try:
                taken = await self._take(task, share)
                retry = 0
            except PenstockError as error:
                if retry == 0:
                    level = logging.WARNING if api.may_retry(error) else logging.INFO
                    logger.log(level, "%s: no tasks of %s: %s", self._worker, task.name, error)
                pause_s = api.pause_s(retry, error) if api.may_retry(error) else UNKNOWN_PAUSE_S
                retry += 1
            finally:  # nothing is awaited between here and the submit: the slots stay this poll's
                self._shares.leave(task.name, len(taken))
            for scheduled in taken:
                attempt = Attempt(task, scheduled, self._worker, self._runner.secrets)
                self._runner.submit(Job(attempt, self))
            if not taken and pause_s:
                await self._sleep(pause_s)

    async def _take(self, task: TaskDef[..., Any], share: Share) -> list[ScheduledTask]:
        wait_ms = int(share.wait_s * 1_000)
        body = {"worker": self._worker, "tasks_max": share.tasks_max, "wait_ms": wait_ms}
        path = f"/v1/task-queues/{task.name}/poll"
        call = api.Call(method="POST", path=path, body=body, wait_s=share.wait_s)
        reply = await self._request(call, self._polling)
        return [_scheduled(found, self._tenant) for found in reply.body["tasks"]]

    # Reports.

    def report(self, job: Job, report: ReportTask) -> None:
        """The attempt has ended."""
        self._soon(self._report(job, report))

    def hand_back(self, job: Job) -> None:
        """The worker gives the attempt up."""
        self._soon(self._send("/v1/tasks/hand-back", HandBackTask(**job.attempt.named)))

    def started(self, job: Job) -> None:
        """The server knows: it has started the attempt for this worker."""

    def beat(self, job: Job, progress: Value, with_words: bool) -> None:
        """The attempt lives."""
        self._soon(self._beat(job, progress, with_words))

    def keep(self, job: Job, checkpoint: PutCheckpoint, kept: Future[None]) -> None:
        """The attempt puts a value aside."""
        if not self._soon(self._keep(job, checkpoint, kept)):
            kept.set_exception(_left(checkpoint))

    def _soon(self, sending: Coroutine[Any, Any, None]) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._begin, sending)
        except RuntimeError:  # the loop is closed: this attempt was given up
            sending.close()
            logger.warning("%s: an attempt speaks too late to be heard", self._worker)
            return False
        return True

    def _begin(self, sending: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(sending)
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def _report(self, job: Job, report: ReportTask) -> None:
        """After the heartbeat that is under way: the report carries what that did not."""
        self._shares.changed()
        beating = self._beating.get(job)
        if beating is not None:
            await asyncio.wait([beating])
        report = job.attempt.with_rest(report)
        await self._send("/v1/tasks/report", report, job.attempt.trace)

    async def _send(
        self, path: str, report: ReportTask | HandBackTask, trace: bytes | None = None
    ) -> None:
        """Send a report until it is answered for good; room for another task is told of at once."""
        self._shares.changed()
        call = api.command("POST", path, msgspec.to_builtins(report), trace)
        try:
            await self._answered(call)
        except PenstockError as error:
            is_too_large = error.status == 413
            if is_too_large and isinstance(report, ReportTask) and report.output is not None:
                await self._send(path, without_output(report, f"output: {error.message}"))
            else:
                logger.warning("a report of %s is not taken: %s", report.wf_run_id, error)

    async def _keep(self, job: Job, checkpoint: PutCheckpoint, kept: Future[None]) -> None:
        """Send a checkpoint until it is answered for good; the answer may say to stop."""
        body = msgspec.to_builtins(checkpoint)
        call = api.command("POST", "/v1/tasks/checkpoint", body, job.attempt.trace)
        try:
            told = (await self._answered(call)).body
            stop = told["stop"] or ("over" if told["flow"] == STOP_TASK else None)
            if stop is not None:
                self._runner.ask_to_stop(*job.key, stop)
            kept.set_result(None)
        except PenstockError as error:
            logger.warning("a checkpoint of %s is not taken: %s", checkpoint.wf_run_id, error)
            kept.set_exception(error)
        finally:
            if not kept.done():  # the worker has left
                kept.set_exception(_left(checkpoint))

    async def _answered(self, call: api.Call) -> api.Reply:
        """The answer to what is sent until it is answered for good."""
        deadline = self._loop.time() + REPORT_DEADLINE_S
        retry = 0
        while True:
            try:
                return await self._request(call)
            except PenstockError as error:
                if not api.may_retry(error) or self._loop.time() > deadline:
                    raise
                pause_s = api.pause_s(retry, error)
            await asyncio.sleep(pause_s)
            retry += 1

    async def _beat(self, job: Job, progress: Value, with_words: bool) -> None:
        """A heartbeat; one that is not answered is followed by the next. What the attempt has said
        is taken here, so that no report overtakes it.
        """
        if job in self._beating:
            return
        self._beating[job] = asyncio.current_task()
        words = job.attempt.context.take_piece() if with_words else NO_WORDS
        beat = job.attempt.heartbeat(progress, words)
        try:
            call = api.command("POST", "/v1/tasks/heartbeat", msgspec.to_builtins(beat))
            told = (await self._request(call)).body
            job.attempt.context.heard(words)
            if told["stop"] is not None:
                self._runner.ask_to_stop(*job.key, told["stop"])
        except PenstockError as error:
            if not api.may_retry(error):  # else it may have been heard, and is said again
                job.attempt.context.give_back(words)
            logger.info("a heartbeat of %s is not taken: %s", job.key[0], error)
        finally:
            self._beating.pop(job, None)

    async def _look(self) -> None:
        """Ask, again and again, which of the attempts that run for longer are to stop."""
        while True:
            await asyncio.sleep(STOPS_S)
            jobs = self._runner.begun(STOPS_S)[:ATTEMPTS_MAX]
            if not jobs:
                continue
            attempts = [job.attempt.named for job in jobs]
            call = api.Call(method="POST", path="/v1/tasks/stops", body={"attempts": attempts})
            try:
                found = (await self._request(call)).body["items"]
            except PenstockError as error:
                logger.info("%s: what is to stop is not known: %s", self._worker, error)
                continue
            for one in found:
                self._runner.ask_to_stop(one["guid"], one["attempt"], one["stop"])

    async def _request(self, call: api.Call, http: httpx.AsyncClient | None = None) -> api.Reply:
        try:
            response = await (http or self._http).request(
                call.method,
                call.path,
                content=call.content,
                headers=call.headers(self._tenant),
                timeout=call.timeout,
            )
        except httpx.TransportError as error:
            raise api.unreachable(self._url, error) from error
        return api.reply_of(response)

    async def _sleep(self, pause_s: float) -> None:
        """Sleep, but not beyond the worker's end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._ending.wait()


def _left(checkpoint: PutCheckpoint) -> Unavailable:
    told = f"checkpoint {checkpoint.number}: its worker has left before it was answered"
    return Unavailable("WORKER_LEFT", told)


def _scheduled(found: dict[str, Any], tenant: str) -> ScheduledTask:
    """A task as HTTP has it; what only Kafka workers need is left open."""
    return ScheduledTask(
        tenant=tenant,
        wf_run_id=found["wf_run_id"],
        guid=found["guid"],
        task_def=found["task_def"],
        attempt=found["attempt"],
        inputs=found["inputs"],
        wf_spec=found.get("wf_spec", ""),
        version=found.get("version", 0),
        node=found.get("node", ""),
        thread=found.get("thread", 0),
        scheduled_at_ms=0,
        timeout_ms=found.get("timeout_ms", 0),
        max_attempts=found.get("max_attempts", 1),
        report_partition=-1,
        heartbeat_timeout_ms=found.get("heartbeat_timeout_ms"),
        total_checkpoints=found.get("total_checkpoints", 0),
        secrets=found.get("secrets", {}),
        checkpoint=found.get("checkpoint"),
        checkpoints_bytes=found.get("checkpoints_bytes", 0),
    )
