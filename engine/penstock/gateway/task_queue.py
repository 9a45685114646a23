"""Task queues over HTTP: the gateway takes tasks from a TaskDef's topic as a member of its workers'
group, and hands each to a worker that polls.

Rules
- A task is handed out once the fold has accepted its TaskStarted: over HTTP the lease is the start.
  A stale or repeated record is refused there, and skipped. One that this worker may not have is
  kept for the next; one of which he was told nothing, for him (task_starts.py).
- The group's mark passes a record once its TaskStarted is answered.
- Records are taken for workers that are waiting, and started for workers that are still there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from penstock.contracts.avro import Avro, Malformed
from penstock.contracts.topics import Topics, task_group
from penstock.core.ids import partition_of
from penstock.core.state.outputs import ScheduledTask
from penstock.gateway.auth import Caller
from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.forward import Forwarder
from penstock.gateway.load import Limits
from penstock.gateway.polled import Polled
from penstock.gateway.task_puller import Puller
from penstock.gateway.task_starts import PollingWorker, Starter, Taken
from penstock.log.port import EngineLog, LogError, Record

PREFETCH_MAX: Final = 200
CLOSE_S: Final = 5.0

logger = logging.getLogger("penstock.gateway")


@dataclass(slots=True)
class Poller:
    """A worker that waits."""

    caller: Caller
    worker: PollingWorker
    tasks_max: int
    taken: asyncio.Future[list[Taken]]


class TaskQueues:
    """The queues in use, by tenant and TaskDef. Used on the event loop."""

    def __init__(
        self, *, log: EngineLog, avro: Avro, topics: Topics, forwarder: Forwarder, limits: Limits
    ) -> None:
        self._log = log
        self.polled = Polled()
        self._avro = avro
        self._topics = topics
        self._forwarder = forwarder
        self._limits = limits
        self._queues: dict[tuple[str, str], TaskQueue] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False

    def home_of(self, tenant: str, task_def: str) -> int:
        """The partition whose owner has this queue: with one member of the workers' group for all
        who poll, no task lies with a node where nobody does.
        """
        return partition_of(f"{tenant}/{task_def}".encode(), self._topics.partitions)

    def departed(self, number: int) -> None:
        """Queues that belong with it go to another node. Called by the fold's thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._leave, number)

    def _leave(self, number: int) -> None:
        for key, queue in self._queues.items():
            if self.home_of(*key) == number:
                queue.close()
                self.polled.forget(key)

    async def poll(
        self,
        caller: Caller,
        task_def: str,
        *,
        worker: PollingWorker,
        tasks_max: int,
        wait_s: float,
        gone: asyncio.Future[None],
    ) -> list[ScheduledTask]:
        """Up to `tasks_max` tasks, started for this worker, as soon as there is one; none at the
        deadline.
        """
        if self._closing:
            return []
        key = (caller.tenant, task_def)
        queue = self._queue(key)
        queue.used()
        self.polled.begins(key, worker.name, worker.slots)
        try:
            return await queue.poll(caller, worker, tasks_max, wait_s, gone)
        finally:
            self.polled.ends(key, worker.name)
            queue.left()

    def close(self) -> None:
        """Let all workers go and leave all groups, soon."""
        self._closing = True
        for queue in list(self._queues.values()):
            queue.close()

    async def closed(self) -> None:
        """Wait until all groups are left."""
        queues = list(self._queues.values())
        await asyncio.gather(*(asyncio.to_thread(queue.join, CLOSE_S) for queue in queues))
        await asyncio.gather(*(queue.starter.ended(CLOSE_S) for queue in queues))

    def _queue(self, key: tuple[str, str]) -> TaskQueue:
        self._loop = asyncio.get_running_loop()
        queue = self._queues.get(key)
        if queue is None or queue.is_closed:
            queue = self._queues[key] = TaskQueue(
                log=self._log,
                avro=self._avro,
                topics=self._topics,
                forwarder=self._forwarder,
                key=key,
                limits=self._limits,
            )
        return queue


class TaskQueue:
    """The queue of one TaskDef: who waits, what is taken and not started yet, and how far all is
    done.
    """

    def __init__(
        self,
        *,
        log: EngineLog,
        avro: Avro,
        topics: Topics,
        forwarder: Forwarder,
        key: tuple[str, str],
        limits: Limits,
    ) -> None:
        self.is_closed = False
        self._avro = avro
        self.starter = Starter(forwarder)
        self._idle_s = limits.queue_idle_s
        self._kept_s = limits.started_kept_s
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Poller] = deque()
        self._taken: deque[Taken] = deque()
        self._kept: dict[Taken, asyncio.TimerHandle] = {}
        self._under_way: dict[int, dict[int, bool]] = {}  # partition -> offset -> done
        self._users = 0
        self._idle: asyncio.TimerHandle | None = None
        topic = topics.task(*key)
        settings = topics.on_demand(topic)
        assert settings is not None, "it is a task topic"
        self._puller = Puller(
            log=log,
            settings=settings,
            group=task_group(topics, *key),
            came=lambda records: self._in_loop(lambda: self._came(records)),
            failed=lambda error: self._in_loop(lambda: self._failed(error)),
            wanted_elsewhere=lambda: self._in_loop(self._close_if_unused),
            shared_idle_s=limits.queue_shared_idle_s,
        )

    def used(self) -> None:
        """Somebody polls."""
        self._users += 1
        self._puller.used(True)
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def left(self) -> None:
        """Somebody polls no more. When nobody does for long, the group is left; soon, if there are
        other members: tasks would wait here for nobody.
        """
        self._users -= 1
        if self._users == 0 and not self.is_closed:
            self._puller.used(False)
            self._idle = self._loop.call_later(self._idle_s, self.close)

    def close(self) -> None:
        """Let go of the consumer and of who waits; what was not started comes to others."""
        self.is_closed = True
        if self._idle is not None:
            self._idle.cancel()
        self._puller.stop()
        self._taken.clear()
        self._let_go()
        while self._waiting:
            _give(self._waiting.popleft(), [])

    def _close_if_unused(self) -> None:
        if self._users == 0 and not self.is_closed:
            self.close()

    def join(self, timeout_s: float) -> None:
        """Wait until the group is left. Not on the event loop."""
        self._puller.join(timeout_s)

    async def poll(
        self,
        caller: Caller,
        worker: PollingWorker,
        tasks_max: int,
        wait_s: float,
        gone: asyncio.Future[None],
    ) -> list[ScheduledTask]:
        """See TaskQueues.poll."""
        deadline = self._loop.time() + wait_s
        while True:
            poller = Poller(caller, worker, tasks_max, self._loop.create_future())
            taken = await self._take(poller, deadline, gone)
            if gone.done():
                self._put_back(taken)
                return []
            started = await self._start(caller, worker, taken)
            if gone.done():
                self._put_back(started)
                return []
            if started or not taken or self._loop.time() >= deadline:
                return [one.task for one in started]

    async def _take(
        self, poller: Poller, deadline: float, gone: asyncio.Future[None]
    ) -> list[Taken]:
        """Wait in line for tasks."""
        if self.is_closed:
            return []
        self._waiting.append(poller)
        self._match()
        if not poller.taken.done():
            left_s = max(0.0, deadline - self._loop.time())
            try:
                await asyncio.wait(
                    [poller.taken, gone], timeout=left_s, return_when=asyncio.FIRST_COMPLETED
                )
            except asyncio.CancelledError:
                self._leave(poller)
                raise
        return self._leave(poller)

    def _leave(self, poller: Poller) -> list[Taken]:
        """Wait no more; what was given meanwhile."""
        if poller in self._waiting:
            self._waiting.remove(poller)
            self._want()
        return poller.taken.result() if poller.taken.done() else []

    async def _start(
        self, caller: Caller, worker: PollingWorker, taken: list[Taken]
    ) -> list[Taken]:
        """Start tasks for a worker; those that the fold accepts are its own now."""
        try:
            results = await asyncio.gather(
                *(self._start_one(caller, worker, one) for one in taken), return_exceptions=True
            )
        except BaseException:  # this poll is cancelled
            self._put_back([one for one in taken if one.is_started])
            raise
        errors = [result for result in results if result is not None]
        started = [one for one in taken if one.is_started]
        if errors and not started:
            raise errors[0]
        for error in errors:
            logger.warning("a task could not be started, it will be tried again: %s", error)
        return started

    async def _start_one(self, caller: Caller, worker: PollingWorker, taken: Taken) -> None:
        was_started = taken.is_started
        try:
            code = await self.starter.start(caller, worker, taken)
        except BaseException:
            self._put_back([taken])
            raise
        if not was_started:
            self._note_done(taken.partition, taken.offset)
        if code is not None:
            logger.info("task %s/%s skipped: %s", taken.task.wf_run_id, taken.task.guid, code)

    def _came(self, records: list[Record]) -> None:
        """Records are here."""
        self._puller.arrived(len(records))
        if self.is_closed:
            return
        for record in records:
            under_way = self._under_way.setdefault(record.partition, {})
            if record.offset in under_way:
                continue  # it came again after a rebalance, and is being seen to
            under_way[record.offset] = False
            task = self._decoded(record)
            if task is None:
                self._note_done(record.partition, record.offset)
            else:
                self._taken.append(Taken(task, record.partition, record.offset))
        self._match()

    def _decoded(self, record: Record) -> ScheduledTask | None:
        try:
            task, _ = self._avro.decode(record.value or b"")
        except Malformed as error:
            logger.warning("%s %d is no task: %s", record.topic, record.offset, error)
            return None
        return task if isinstance(task, ScheduledTask) else None

    def _failed(self, error: LogError) -> None:
        """The topic can not be read: say so to who waits, and begin anew with the next poll."""
        self.is_closed = True
        self._taken.clear()
        self._let_go()
        while self._waiting:
            poller = self._waiting.popleft()
            if not poller.taken.done():
                poller.taken.set_exception(
                    ApiError(EdgeCode.UNAVAILABLE, f"the task queue can not be read: {error}")
                )

    def _match(self) -> None:
        """Give what is kept for one who waits to him, and what is taken to who waits longest."""
        for poller in list(self._waiting) if self._kept else ():
            own = [one for one in self._kept if one.is_kept_for(poller.caller, poller.worker)]
            if own:
                self._waiting.remove(poller)
                for one in own[: poller.tasks_max]:
                    self._kept.pop(one).cancel()
                _give(poller, own[: poller.tasks_max])
        while self._taken and self._waiting:
            poller = self._waiting.popleft()
            count = min(poller.tasks_max, len(self._taken))
            _give(poller, [self._taken.popleft() for _ in range(count)])
        self._want()

    def _want(self) -> None:
        wanted = sum(poller.tasks_max for poller in self._waiting)
        self._puller.want(min(wanted, PREFETCH_MAX) - len(self._taken))

    def _put_back(self, taken: list[Taken]) -> None:
        """Nobody was told of these: they are kept for who has asked for them, the others are there
        for the next.
        """
        for one in reversed(taken):
            if one.is_started or (one.starts and not one.was_kept):
                one.was_kept = True
                self._kept[one] = self._loop.call_later(self._kept_s, self._kept_long, one)
            elif not self.is_closed:
                self._taken.appendleft(one)
        if self.is_closed:
            self._let_go()
        elif taken:
            self._match()

    def _let_go(self) -> None:
        for taken in list(self._kept):
            self._kept_long(taken)

    def _kept_long(self, taken: Taken) -> None:
        """Its worker does not come back for it."""
        self._kept.pop(taken).cancel()
        if taken.is_started:
            self.starter.hand_back(taken.task, taken.starts[-1])
        elif not self.is_closed:
            self._taken.append(taken)
            self._match()

    def _note_done(self, partition: int, offset: int) -> None:
        """Move the group's mark up to the first record that is not done."""
        under_way = self._under_way[partition]
        under_way[offset] = True
        mark = None
        while under_way and under_way[first := min(under_way)]:
            del under_way[first]
            mark = first + 1
        if mark is not None:
            self._puller.done(partition, mark)

    def _in_loop(self, call: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)


def _give(poller: Poller, taken: list[Taken]) -> None:
    if not poller.taken.done():
        poller.taken.set_result(taken)
