"""What does the tasks in a test: the functions themselves, or what a test puts in their place."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from copy import copy
from typing import Any, Final

from penstock.contracts.wire import TENANT_DEFAULT
from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.report_task import ReportTask
from penstock.core.state.outputs import ScheduledTask
from penstock.log.port import Consumer
from penstock.sdk.attempt import Attempt
from penstock.sdk.task import TaskDef, name_of_task, task
from penstock.testing.node import Node

Json = dict[str, Any]

WORKER: Final = "test"
RECORDS_MAX: Final = 100


class Hands:
    """Takes tasks and does them, one after another, in the order in which they were handed out."""

    def __init__(self, node: Node) -> None:
        self.done: dict[str, list[Json]] = {}
        self._node = node
        self._tasks: dict[str, TaskDef[..., Any]] = {}
        self._fakes: dict[str, TaskDef[..., Any]] = {}
        self._queues: dict[str, Consumer] = {}
        self._at_work = False

    def learn(self, *tasks: TaskDef[..., Any]) -> None:
        """Do these from now on."""
        for one in tasks:
            self._tasks[one.name] = one

    def fake(self, what: TaskDef[..., Any] | str, function: Callable[..., Any]) -> None:
        """Do a task with another function, which takes its inputs by name."""
        name = name_of_task(what)
        known = self._tasks.get(name) if isinstance(what, str) else what
        self._fakes[name] = _in_place_of(name, known, function)

    def work(self) -> None:
        """Do all tasks that are there, and those that come of it."""
        if self._at_work:  # a task's function asks the engine something: it goes on afterwards
            return
        self._at_work = True
        try:
            while self._round():
                self._node.fold()
        finally:
            self._at_work = False

    def close(self) -> None:
        """Take no more."""
        for queue in self._queues.values():
            queue.close()

    def _round(self) -> bool:
        did = False
        for name, one in (self._tasks | self._fakes).items():
            for record in self._queue(name).poll(RECORDS_MAX, 0.0):
                scheduled, _ = self._node.avro.decode(record.value or b"")
                assert isinstance(scheduled, ScheduledTask), "it is the topic of a task"
                self.done.setdefault(name, []).append(scheduled.inputs)
                self._node.append(self._attempt(Attempt(one, scheduled, WORKER)))
                did = True
        return did

    def _queue(self, name: str) -> Consumer:
        queue = self._queues.get(name)
        if queue is None:
            topic = self._node.topics.task(TENANT_DEFAULT, name)
            queue = self._queues[name] = self._node.log.consumer(topic, f"workers.{topic}")
        return queue

    def _attempt(self, attempt: Attempt) -> ReportTask:
        attempt.keep_with(self._keep)
        if not attempt.task.is_async:
            return attempt.run()
        begun = attempt.begin_async()
        return begun if isinstance(begun, ReportTask) else self._node.await_(_end(attempt, begun))

    def _keep(self, checkpoint: PutCheckpoint, kept: Future[None]) -> None:
        self._node.append(checkpoint)
        kept.set_result(None)


async def _end(attempt: Attempt, begun: Coroutine[Any, Any, Any]) -> ReportTask:
    running = asyncio.ensure_future(begun)
    await asyncio.wait([running])
    return attempt.ended(running)


def answering(answers: Sequence[Any]) -> Callable[..., Any]:
    """A function that gives these one after another, and then the last again and again: a value is
    returned, an exception raised, and a function called with the inputs.
    """
    left = list(answers)

    def answer(**inputs: Any) -> Any:
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, BaseException):
            raise given
        return given(**inputs) if callable(given) else given

    return answer


def _in_place_of(
    name: str, known: TaskDef[..., Any] | None, function: Callable[..., Any]
) -> TaskDef[..., Any]:
    fake = copy(anything if known is None else known)
    fake.name, fake.context_name = name, None
    fake.is_async = inspect.iscoroutinefunction(function)
    fake.call = lambda arguments: function(**arguments)
    if known is None:
        fake.decode = lambda inputs: inputs
    return fake


@task
def anything() -> Any:
    """Stands for tasks of which nothing but the name is known: they take what comes."""
