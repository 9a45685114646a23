"""Tasks that were lost on their way: their records are behind the workers of their TaskDef, or were
deleted unread when the topic's retention was over, and nobody has started them. The fold is told,
and sends them again (R19).

No row says which tasks wait in a queue, so the task runs of a partition are gone through, a few
between two batches, over and over. For those that have waited long, the log is asked what is next
in their queue: a partition's tasks lie there in the order of their stamps, so what was sent before
the next one has been passed. A worker's report is acknowledged before his group passes the record;
so once all is folded that the log had after it was asked, who is still not started is lost.

Where a record lies follows from how many partitions the topic had when it was sent. They are as
many as the cluster's, unless somebody has made the topic otherwise, or given it more: then all of
them have to be passed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from penstock.contracts.topics import Topics, task_group
from penstock.contracts.wire import STAMP
from penstock.core.commands.queue_passed import PassedTask, QueuePassed
from penstock.core.definitions.defs import QUEUE_PASSED_TASKS_MAX
from penstock.core.ids import partition_of
from penstock.core.state.keys import PARTITION_PREFIX, after_prefix
from penstock.core.state.rows import Rows
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskStatus
from penstock.log.port import EngineLog, LogFatal, Message, Record
from penstock.processor.asides import answer_of
from penstock.processor.delivery import Courier
from penstock.processor.partition import Partition
from penstock.store.rowstore import RowView

LOOK_S: Final = 0.1
ASK_S: Final = 1.0
ROUND_S: Final = 60.0
WAITED_MS: Final = 60_000
STEPS_MAX: Final = 50  # of a look, at one partition: the fold waits meanwhile
END: Final = b"\xff"
BEGIN: Final = after_prefix(PARTITION_PREFIX)

logger = logging.getLogger("penstock.processor")

Queue = tuple[str, str]
"""Tenant and TaskDef."""
Heads = Mapping[Queue, Mapping[int, Record | None]]


@dataclass(slots=True)
class _Round:
    """How far a partition has been gone through, and what was found since the last question."""

    look_s: float  # not before
    begun_s: float
    ask_s: float = 0.0  # not before, unless it is over
    cursor: bytes = BEGIN
    waiting: dict[Queue, list[TaskRun]] = field(default_factory=dict[Queue, list[TaskRun]])
    asked: Future[tuple[Heads, int]] | None = None


class LostTasks:
    """Looks now and then. The fold's thread calls; the log is asked in another one."""

    def __init__(self, log: EngineLog, topics: Topics, courier: Courier) -> None:
        self.look_at_once = False  # for tests, as are the next two
        self.steps_max = STEPS_MAX
        self.waited_ms = WAITED_MS
        self._log = log
        self._topics = topics
        self._courier = courier
        self._rounds: dict[int, _Round] = {}
        self._look_s = 0.0
        self._otherwise = set[Queue]()  # seen with another number of partitions, once
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="penstock-lost-tasks")

    def forget(self, number: int) -> None:
        """The partition is not ours any more."""
        self._rounds.pop(number, None)

    def close(self) -> None:
        """The log is asked nothing more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def passed(self, partitions: Mapping[int, Partition]) -> Iterator[Message]:
        """What is to be told. However many partitions there are, a look is at one of them."""
        now_s = time.monotonic()
        if now_s < self._look_s and not self.look_at_once:
            return
        self._look_s = now_s + LOOK_S
        next_s, following = now_s, list[int]()
        for number, partition in partitions.items():
            of = self._rounds.setdefault(number, _Round(now_s + ROUND_S, now_s))
            if of.asked is not None:
                if of.asked.done():
                    yield from self._told(of, partition)
            elif self.look_at_once:
                self._go_on(of, partition, now_s)
            elif of.look_s <= next_s:
                next_s, following = of.look_s, [number]
        for number in following:
            self._go_on(self._rounds[number], partitions[number], now_s)

    def _go_on(self, of: _Round, partition: Partition, now_s: float) -> None:
        """Some steps further; ask for what was found to have waited long."""
        of.look_s = now_s
        if of.cursor == BEGIN:
            of.begun_s = now_s
        before_ms = partition.state.append_ms - self.waited_ms
        for steps, (cursor, task) in enumerate(_steps(partition.view(), of.cursor)):
            of.cursor = cursor
            if task is not None and _is_waiting(task) and task.attempt.scheduled_ms < before_ms:
                of.waiting.setdefault((task.tenant, task.task_def), []).append(task)
            if steps >= self.steps_max:
                break
        else:
            of.cursor, of.look_s = BEGIN, of.begun_s + ROUND_S
        over = of.cursor == BEGIN or self.look_at_once
        if of.waiting and (over or now_s >= of.ask_s):
            number, of.ask_s = partition.shard.partition, now_s + ASK_S
            of.asked = self._executor.submit(self._ask, number, list(of.waiting))

    def _ask(self, number: int, queues: list[Queue]) -> tuple[Heads, int]:
        """What is next in each queue, and then the end of the partition."""
        heads: dict[Queue, Mapping[int, Record | None]] = {}
        for tenant, task_def in queues:
            topic = self._topics.task(tenant, task_def)
            group = task_group(self._topics, tenant, task_def)
            try:
                heads[tenant, task_def] = self._log.backlog(topic, group, heads=True).heads
            except LogFatal as error:  # it may not be looked at; the others may
                logger.info("what is next in %s is not known: %s", topic, error)
                heads[tenant, task_def] = {}
        return heads, self._log.bounds(number)[1]

    def _told(self, of: _Round, partition: Partition) -> Iterator[Message]:
        """Of what was found, what is behind its workers and still waits, once all is folded that
        they had reported by then."""
        assert of.asked is not None, "it was asked"
        answer = answer_of(of.asked, "what is next in the queues")
        if answer is None:
            of.asked, of.waiting = None, {}
            return
        heads, end = answer
        if partition.next_offset < end:
            return
        waiting, of.asked, of.waiting = of.waiting, None, {}
        for queue, tasks in waiting.items():
            if heads[queue] and len(heads[queue]) != self._topics.partitions:
                self._otherwise.add(queue)
            passed = tuple(self._lost(partition, heads[queue], tasks))[:QUEUE_PASSED_TASKS_MAX]
            if passed:
                tenant, task_def = queue
                logger.warning(
                    "%d tasks of %s were passed and not started: they are sent again",
                    *(len(passed), task_def),
                )
                command = QueuePassed(task_def=task_def, passed=passed)
                yield self._courier.command(partition.shard.partition, command, tenant=tenant)

    def _lost(
        self, partition: Partition, heads: Mapping[int, Record | None], tasks: list[TaskRun]
    ) -> Iterator[PassedTask]:
        rows, number = Rows(partition.view()), partition.shard.partition
        for task in tasks:
            now = rows.peek(TaskRun, task.tenant, task.wf_run_id, task.guid)
            sent_offset = task.attempt.sent_offset
            if (
                now is not None
                and _is_waiting(now)
                and now.attempt.sent_offset == sent_offset
                and self._is_passed(task, heads, number)
            ):
                yield PassedTask(task.wf_run_id, task.guid, now.attempt.number, sent_offset)

    def _is_passed(self, task: TaskRun, heads: Mapping[int, Record | None], number: int) -> bool:
        """Whether it is known that the workers are beyond the task's record, wherever it lies."""
        if not heads:
            return False
        may_lie = list(heads.values())
        if (task.tenant, task.task_def) not in self._otherwise:
            may_lie = [heads[partition_of(task.wf_run_id.encode(), len(heads))]]
        return all(_is_behind(head, number, task.attempt.sent_offset) for head in may_lie)


def _is_behind(head: Record | None, number: int, sent_offset: int) -> bool:
    """Whether the workers have passed what a partition has sent in the turn of this record. What is
    next may be of another partition, or NOT_KNOWN: then nobody can tell.
    """
    if head is None:
        return True
    stamp = head.headers.get(STAMP, b"").split(b":")
    if len(stamp) != 4 or not all(one.isdigit() and len(one) < 20 for one in stamp[1:3]):
        return False  # somebody else has put it there
    return int(stamp[1]) == number and sent_offset < int(stamp[2])


def _is_waiting(task: TaskRun) -> bool:
    return task.status is TaskStatus.TASK_SCHEDULED


def task_runs(view: RowView) -> Iterator[TaskRun]:
    """All task runs of a partition."""
    return (task for _, task in _steps(view, BEGIN) if task is not None)


def _steps(view: RowView, start: bytes) -> Iterator[tuple[bytes, TaskRun | None]]:
    """All task runs of a partition from a key on, by one step over the rows of each run; with each
    step, where to go on.
    """
    while (key := view.first_key(start, END)) is not None:
        tenant_end = key.index(b"\x00")
        runs = key[: tenant_end + 1] + b"r"
        if key < runs:  # its definitions lie before its runs
            start = runs
            continue
        prefix = key[: key.index(b"\x00", tenant_end + 1) + 1]
        tasks = prefix + TaskRun.KIND
        for place, task in view.scan(TaskRun, max(start, tasks), after_prefix(tasks)):
            yield place + b"\x00", task
        start = after_prefix(prefix)
        yield start, None
