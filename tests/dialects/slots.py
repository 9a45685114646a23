"""A worker on any driver: the SDK's own slots, whose words are sent by the test, one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

from penstock.core.command import Command
from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.task_heartbeat import TaskHeartbeat
from penstock.core.commands.task_started import TaskStarted
from penstock.core.values.value import Value
from penstock.sdk.attempt import Attempt
from penstock.sdk.runner import Job, Runner
from penstock.sdk.task import TaskDef
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted

WAIT_S = 40.0


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class SlotWorker:
    """Takes tasks, runs them in its slots, and says what becomes of them (runner.Engine)."""

    leases = False

    def __init__(self, driver: Driver, slots: int, *tasks: TaskDef[..., Any]) -> None:
        self.driver = driver
        self.runner = Runner(slots, started_after_s=0.01)
        self._tasks = tasks
        self._said: SimpleQueue[Command] = SimpleQueue()
        self._obeyed = 0

    def takes(self, count: int) -> None:
        """As many tasks as the test expects; those for which there is no slot wait here."""
        for task in self._tasks:
            for scheduled in self.driver.tasks(task.name, count):
                self.runner.submit(Job(Attempt(task, scheduled, "slots"), self))

    def says(self, count: int = 1) -> None:
        """Send so many of its words."""
        for _ in range(count):
            self.driver.send(self._said.get(timeout=WAIT_S))

    def says_no_more(self) -> None:
        """It has nothing to say."""
        try:
            said = self._said.get(timeout=0.1)
        except Empty:
            return
        raise AssertionError(said)

    def hears(self) -> None:
        """Signals reach it, as over Kafka."""
        signals = self.driver.signals()
        for signal in signals[self._obeyed :]:
            self.runner.ask_to_stop(signal.guid, signal.attempt, signal.stop)
        self._obeyed = len(signals)

    def report(self, job: Job, report: ReportTask) -> None:
        """The attempt has ended."""
        self._said.put(report)

    def started(self, job: Job) -> None:
        """The attempt runs."""
        self._said.put(TaskStarted(**job.attempt.named))

    def beat(self, job: Job, progress: Value) -> None:
        """The attempt lives."""
        self._said.put(TaskHeartbeat(**job.attempt.named, progress=progress))

    def keep(self, job: Job, checkpoint: PutCheckpoint, kept: Future[None]) -> None:
        """The attempt puts a value aside."""
        self._said.put(checkpoint)
        kept.set_result(None)

    def hand_back(self, job: Job) -> None:
        """The worker gives the attempt up."""
        self._said.put(HandBackTask(**job.attempt.named))


@contextmanager
def a_worker(driver: Driver, slots: int, *tasks: TaskDef[..., Any]) -> Generator[SlotWorker]:
    """A worker whose tasks are registered."""
    for task in tasks:
        accepted(driver, task.definition)
    worker = SlotWorker(driver, slots, *tasks)
    worker.runner.start(
        with_loop=any(task.is_async for task in tasks),
        with_threads=not all(task.is_async for task in tasks),
    )
    try:
        yield worker
    finally:
        worker.runner.leave(0.1)
        worker.runner.stop()
