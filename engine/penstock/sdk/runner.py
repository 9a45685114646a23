"""Runs attempts within a worker's slots: sync functions in threads, async ones on an event loop of
their own.

Threads take the next attempt from one queue as soon as they are free, so that under load nothing
waits to be woken. The event loop is the users' alone: a function that blocks it holds up no report
and no poll.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Final

from penstock.core.commands.report_task import ReportTask
from penstock.sdk.attempt import Attempt
from penstock.sdk.secret import SecretProvider, from_environment

LOOK_S: Final = 0.1

logger = logging.getLogger("penstock.worker")


@dataclass(slots=True, eq=False)
class Job:
    """An attempt, whom to report it to, and whom to tell that it runs for longer (None: nobody
    asks).
    """

    attempt: Attempt
    report: Callable[[Job, ReportTask], None]
    started: Callable[[Job], None] | None = None
    partition: int = 0
    offset: int = 0
    since_s: float = field(default=0.0)
    said: bool = False


class Runner:
    """The slots of a worker. `slots` sync attempts run at once, and as many async ones."""

    def __init__(
        self, slots: int, *, started_after_s: float, secrets: SecretProvider = from_environment
    ) -> None:
        self.slots = slots
        self.secrets = secrets
        self.finished = 0
        self._started_after_s = started_after_s
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._running: set[Job] = set()
        self._taken = 0
        self._lock = Lock()
        self._dropping = False
        self._stopped = Event()
        self._threads: list[Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[Job] = deque()  # for an async slot
        self._tasks: set[asyncio.Task[Any]] = set()
        self._woken = False

    def start(self, *, with_loop: bool, with_threads: bool) -> None:
        """Start the threads that are needed."""
        if with_threads:
            for number in range(self.slots):
                self._spawn(self._work, f"penstock-slot-{number}")
        if with_loop:
            self._loop = asyncio.new_event_loop()
            self._spawn(self._run_loop, "penstock-async")
        self._spawn(self._watch, "penstock-watch")

    def submit(self, job: Job) -> None:
        """Run an attempt as soon as a slot is free."""
        with self._lock:
            self._taken += 1
        if job.attempt.task.is_async:
            assert self._loop is not None, "a worker with async tasks has a loop"
            self._waiting.append(job)
            if not self._woken:  # waking the loop costs a system call
                self._woken = True
                self._loop.call_soon_threadsafe(self._fill)
        else:
            self._queue.put(job)

    @property
    def unfinished(self) -> int:
        """How many attempts are taken and not done: running, or waiting for a slot."""
        return self._taken - self.finished

    def drop_waiting(self) -> None:
        """Begin no attempt any more; those that wait for a slot are forgotten, and come to other
        workers.
        """
        self._dropping = True

    def wait(self, timeout_s: float) -> bool:
        """Wait until all attempts are done."""
        deadline = time.monotonic() + timeout_s
        while self.unfinished and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self.unfinished

    def stop(self) -> None:
        """End the threads; one that is stuck in a user's function is left to its fate."""
        self._stopped.set()
        for _ in self._threads:
            self._queue.put(None)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join(0.1 if self.unfinished else 5.0)

    def _spawn(self, target: Callable[[], None], name: str) -> None:
        thread = Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    # Sync attempts.

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            if self._begun(job):
                self._ended(job, job.attempt.run())

    def _begun(self, job: Job) -> bool:
        if self._dropping:
            with self._lock:
                self.finished += 1
            return False
        job.since_s = time.monotonic()
        self._running.add(job)
        return True

    def _ended(self, job: Job, report: ReportTask) -> None:
        self._running.discard(job)
        try:
            job.report(job, report)
        finally:
            with self._lock:
                self.finished += 1

    # Async attempts.

    def _run_loop(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for running in list(self._tasks):
            running.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _fill(self) -> None:
        """Begin as many as there are slots for."""
        self._woken = False
        assert self._loop is not None
        while self._waiting and len(self._tasks) < self.slots:
            job = self._waiting.popleft()
            if not self._begun(job):
                continue
            begun = job.attempt.begin_async()
            if isinstance(begun, ReportTask):
                self._ended(job, begun)
                continue
            running = self._loop.create_task(begun)
            self._tasks.add(running)
            running.add_done_callback(partial(self._async_ended, job))

    def _async_ended(self, job: Job, running: asyncio.Task[Any]) -> None:
        self._tasks.discard(running)
        if not self._stopped.is_set():  # else it was given up, and another worker will do it
            self._ended(job, job.attempt.ended(running))
            self._fill()

    # Attempts that take longer.

    def _watch(self) -> None:
        """Say of each attempt that still runs after a while that it was started."""
        while not self._stopped.wait(min(LOOK_S, self._started_after_s)):
            before = time.monotonic() - self._started_after_s
            for job in self._running.copy():
                if job.started is not None and not job.said and job.since_s <= before:
                    job.said = True
                    job.started(job)
