"""Runs attempts within a worker's slots: sync functions in threads, async ones on an event loop of
their own.

Threads take the next attempt from one queue as soon as they are free, so that under load nothing
waits to be woken. The event loop is the users' alone: a function that blocks it holds up no report,
no poll and no heartbeat.

Whoever takes a job out of the jobs speaks for it: its end is told once, as a report or as being
handed back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Final, Protocol

from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.report_task import ReportTask
from penstock.core.state.transitions import TaskStatus
from penstock.core.values.value import Value
from penstock.sdk.attempt import Attempt, tried
from penstock.sdk.loop_watch import LoopWatch
from penstock.sdk.secret import SecretProvider, from_environment
from penstock.sdk.task import TaskDef

LOOK_S: Final = 0.1
BEATS: Final = 3  # within the time in which a sign of life must come
WORDS_S: Final = 1.0  # between two heartbeats with logs or metrics
WORDS_PART: Final = 0.01  # or this part of the attempt's age: an attempt has 1,000 pieces of log

logger = logging.getLogger("penstock.worker")


class Engine(Protocol):
    """Whom to tell what becomes of a job; any thread may. Nothing here waits."""

    leases: bool
    """Whether a task that was taken is this worker's, begun or not."""

    def report(self, job: Job, report: ReportTask) -> None:
        """The attempt has ended."""
        ...

    def started(self, job: Job) -> None:
        """The attempt runs for longer."""
        ...

    def beat(self, job: Job, progress: Value, with_words: bool) -> None:
        """The attempt lives; and what it has said since the last time, if that is wanted."""
        ...

    def keep(self, job: Job, checkpoint: PutCheckpoint, kept: Future[None]) -> None:
        """The attempt puts a value aside; `kept` is told when it is, or why it is not."""
        ...

    def hand_back(self, job: Job) -> None:
        """The worker gives the attempt up."""
        ...


@dataclass(slots=True, eq=False)
class Job:
    """An attempt that was taken, and whom to tell of it. `leaving`: the worker itself has asked it
    to stop. `number`: in which order they came. `since_s`: when it began here; `owned_s`: when the
    engine had it begin at this worker, which is when it was taken, if it leases.
    """

    attempt: Attempt
    engine: Engine
    partition: int = 0
    offset: int = 0
    number: int = 0
    since_s: float = 0.0
    owned_s: float = 0.0
    beaten_s: float = 0.0
    heard_s: float = 0.0  # when its words were sent last
    said: bool = False
    leaving: bool = False
    running: asyncio.Task[Any] | None = None

    @property
    def key(self) -> tuple[str, int]:
        """The attempt's name."""
        return self.attempt.scheduled.guid, self.attempt.scheduled.attempt


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
        self._jobs: dict[Job, None] = {}
        self._taken = 0
        self._came = 0
        self._begun_to = {True: 0, False: 0}  # the last one that has begun; async, and sync
        self._lock = Lock()
        self._dropping = False
        self._is_stuck = False
        self._stopped = Event()
        self._threads: list[Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_watch: LoopWatch | None = None
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
            thread = self._spawn(self._run_loop, "penstock-async")
            self._loop_watch = LoopWatch(self._loop, thread, self._task_of)
        self._spawn(self._watch, "penstock-watch")

    def submit(self, job: Job) -> None:
        """Run an attempt as soon as a slot is free."""
        job.attempt.keep_with(partial(job.engine.keep, job))
        if job.engine.leases:
            _own(job, time.monotonic())
        with self._lock:  # they wait in the order of their numbers, whoever brings them
            self._taken += 1
            self._came += 1
            job.number = self._came
            self._jobs[job] = None
            if job.attempt.task.is_async:
                self._waiting.append(job)
            else:
                self._queue.put(job)
        if job.attempt.task.is_async and not self._woken:  # waking the loop costs a system call
            assert self._loop is not None, "a worker with async tasks has a loop"
            self._woken = True
            self._loop.call_soon_threadsafe(self._fill)

    @property
    def unfinished(self) -> int:
        """How many attempts are taken and not done: running, or waiting for a slot."""
        return self._taken - self.finished

    def drop_waiting(self) -> None:
        """Begin no attempt any more; those that wait for a slot are handed back, or taken back."""
        self._dropping = True

    def take_back(self, engine: Engine, partitions: Collection[int]) -> tuple[list[Job], list[Job]]:
        """Forget the attempts from these partitions that have not begun: they never will. Those,
        and the ones that go on; of a partition, all that go on came before all that do not.
        """
        with self._lock:
            jobs = [one for one in self._jobs if one.engine is engine]
            jobs = [one for one in jobs if one.partition in partitions]
            forgotten = [one for one in jobs if not one.since_s and not self._is_next(one)]
            for one in forgotten:
                del self._jobs[one]
            self._taken -= len(forgotten)
            return forgotten, [one for one in jobs if one in self._jobs]

    def wait(self, timeout_s: float) -> bool:
        """Wait until all attempts are done."""
        deadline = time.monotonic() + timeout_s
        while self.unfinished and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self.unfinished

    def owned(self, before_s: float) -> list[Job]:
        """The attempts that have been this worker's for longer than this, for the engine."""
        since_s = time.monotonic() - before_s
        return [job for job in list(self._jobs) if 0 < job.owned_s <= since_s]

    def ask_to_stop(self, guid: str, attempt: int, why: str) -> None:
        """An attempt is to end, if it is here: an async one is cancelled, a sync one sees it in its
        context.
        """
        for job in list(self._jobs):
            if job.key == (guid, attempt):
                self._ask(job, why)

    def leave(self, timeout_s: float) -> None:
        """Ask all that runs to stop, and hand back what did not get to an end of its own."""
        self._dropping = True
        for job in list(self._jobs):
            job.leaving = True
            if job.since_s:
                self._ask(job, "shutdown")
            else:
                self._give_up(job)
        self._is_stuck = not self.wait(timeout_s)
        for job in list(self._jobs):
            self._give_up(job)

    def stop(self) -> None:
        """End the threads; one that is stuck in a user's function is left to its fate."""
        self._stopped.set()
        for _ in self._threads:
            self._queue.put(None)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join(0.1 if self._is_stuck else 5.0)

    def _spawn(self, target: Callable[[], None], name: str) -> Thread:
        thread = Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def _served(self, job: Job, serve: Callable[[Job], None]) -> None:
        """What goes wrong with one attempt may not end a thread that serves others."""

        def defect(error: BaseException) -> None:
            logger.error("a defect, in serving a task %s", job.attempt.task.name, exc_info=error)

        tried(partial(serve, job), defect)

    # Sync attempts.

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            if self._begun(job):
                self._served(job, lambda job: self._ended(job, job.attempt.run()))

    def _begun(self, job: Job) -> bool:
        with self._lock:
            if job not in self._jobs:  # it was taken back
                return False
            begins = not self._dropping or self._is_next(job)
            if begins:
                lane = job.attempt.task.is_async
                self._begun_to[lane] = max(self._begun_to[lane], job.number)
                job.since_s = time.monotonic()
                if not job.owned_s:
                    _own(job, job.since_s)
        if not begins and job.engine.leases:  # else its partition is on its way to another worker
            self._give_up(job)
        return begins

    def _is_next(self, job: Job) -> bool:
        """Whether one that came later has begun: then this one is out of the queue, and about to
        be. What is done stays a beginning of what came, without holes.
        """
        return job.number < self._begun_to[job.attempt.task.is_async]

    def _ended(self, job: Job, report: ReportTask) -> None:
        """Tell of an end, unless the attempt was given up meanwhile. A checkpoint that nobody has
        waited for goes before: behind the report it would be of an attempt that is over.
        """
        under_way = job.attempt.context.checkpoints.under_way
        if under_way is not None:
            under_way.add_done_callback(lambda _: self._ended(job, report))
            return
        if not self._take_out(job):
            return
        if job.leaving and report.status is TaskStatus.TASK_FAILED:
            self._hand_back(job)
            return
        try:
            job.engine.report(job, report)
        finally:
            self._finish()

    def _hand_back(self, job: Job) -> None:
        try:
            job.engine.hand_back(job)
        finally:
            self._finish()

    def _give_up(self, job: Job) -> None:
        """Hand it back if it is this worker's; what is not comes to others by itself."""
        if not self._take_out(job):
            return
        if job.since_s or job.engine.leases:
            self._hand_back(job)
        else:
            self._finish()

    def _ask(self, job: Job, why: str) -> None:
        if job.attempt.context.ask_to_stop(why) and job.running is not None:
            assert self._loop is not None, "what runs there has a loop"
            self._loop.call_soon_threadsafe(job.running.cancel)

    def _take_out(self, job: Job) -> bool:
        with self._lock:
            return self._jobs.pop(job, False) is None

    def _finish(self) -> None:
        with self._lock:
            self.finished += 1

    # Async attempts.

    def _run_loop(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        while not self._stopped.is_set():  # a user's function may stop it, and others run on it
            try:
                self._loop.run_forever()
            except (KeyboardInterrupt, SystemExit) as error:  # asyncio lets these two through
                logger.warning("a task has raised %s on the event loop", type(error).__name__)
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
            job.running = running
            if job.attempt.context.cancelled:  # asked between its begin and here
                running.cancel()
            self._tasks.add(running)
            running.add_done_callback(partial(self._async_ended, job))

    def _async_ended(self, job: Job, running: asyncio.Task[Any]) -> None:
        self._tasks.discard(running)
        if not self._stopped.is_set():
            self._served(job, lambda job: self._ended(job, job.attempt.ended(running)))
            self._fill()

    def _task_of(self, running: asyncio.Task[Any]) -> TaskDef[..., Any] | None:
        """Whose function it runs; None if that has begun it itself."""
        jobs = list(self._jobs)
        return next((job.attempt.task for job in jobs if job.running is running), None)

    # Attempts that take longer.

    def _watch(self) -> None:
        """Say of each attempt that still runs after a while that it was started, and that it
        lives: of those, too, that wait here for a function to let go of the event loop.
        """
        while not self._stopped.wait(min(LOOK_S, self._started_after_s)):
            at_s = time.monotonic()
            if self._loop_watch is not None and self._tasks:
                self._loop_watch.look(at_s)
            for job in self.owned(0.0):
                self._served(job, partial(self._live, at_s=at_s))

    def _live(self, job: Job, at_s: float) -> None:
        if not job.said and job.since_s and job.since_s + self._started_after_s <= at_s:
            job.said = True
            job.engine.started(job)
        self._beat(job, at_s)

    def _beat(self, job: Job, at_s: float) -> None:
        """By itself only where a heartbeat is wanted: of the others it would carry the time-out
        on, for a function that hangs as well. Of these, new words bring one sooner.
        """
        wanted_ms = job.attempt.scheduled.heartbeat_timeout_ms
        pulse = job.attempt.context.take_pulse()
        is_due = wanted_ms is not None and at_s - job.beaten_s >= wanted_ms / 1_000 / BEATS
        pause_s = max(WORDS_S, (at_s - job.owned_s) * WORDS_PART)
        with_words = job.attempt.context.has_words and at_s - job.heard_s >= pause_s
        if pulse is not None or is_due or (wanted_ms is not None and with_words):
            job.beaten_s = at_s
            if with_words:
                job.heard_s = at_s
            job.engine.beat(job, None if pulse is None else pulse[0], with_words)


def _own(job: Job, at_s: float) -> None:
    job.owned_s = job.beaten_s = job.heard_s = at_s
