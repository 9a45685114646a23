"""What has to be asked for before it can be shown or judged by, asked for now and then in a thread
of its own: a request for metrics asks nobody, and a check of the load neither.

Every second how far each partition that is open here is behind its log; more seldom how large the
stores are and, where definitions are decided, what waits in the task queues and how many workers
read them. A task queue is the cluster's, so one node alone shows them.

Rule: what can not be asked has no sample. It takes none from what can, and an old one would be
shown, and judged by, as if it were new.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from msgspec import Struct

from penstock.contracts.topics import Topics, task_group
from penstock.core.definitions.defs import TaskDef
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.state.rows import Rows
from penstock.log.port import EngineLog, Joined, LogError, LogUnavailable
from penstock.processor.processor import Processor
from penstock.store.port import META, StoreError
from penstock.store.rowstore import RowView

LAG_LOOK_S: Final = 1.0
ASK_S: Final = 1.0
AWAY_S: Final = 10.0
AWAY_MAX: Final = 3  # queues that are not known in a look
"""So long a partition is not asked about again that gave no answer: the others wait for each."""
AHEAD_MAX: Final = 64
QUEUES_MAX: Final = 500

logger = logging.getLogger("penstock.gateway")


class Queue(Struct, frozen=True):
    """What waits in the queue of a TaskDef, since when the oldest does, and who reads it."""

    tenant: str
    task_def: str
    records: int
    oldest_ms: int | None
    workers: int  # that read the topic themselves

    def age_s(self) -> float:
        """How long the oldest has waited, by this machine's clock."""
        return 0.0 if self.oldest_ms is None else max(0.0, time.time() - self.oldest_ms / 1_000)


class Seen(Struct, frozen=True):
    """Where the log of a partition ended at a time."""

    at_s: float
    end: int


class Sampler:
    """The newest samples; each is replaced as a whole, so that any thread may read it."""

    def __init__(
        self, *, processor: Processor, log: EngineLog, topics: Topics, queues_look_s: float
    ) -> None:
        self.lags: dict[int, int] = {}
        self.standby_lags: dict[int, int] = {}
        self.ends: dict[int, int] = {}  # of the logs of standbys
        self.store_bytes: dict[int, int] = {}
        self.queues: list[Queue] = []
        self._ahead: dict[int, tuple[Seen, ...]] = {}
        self._not_before_s: dict[int, float] = {}
        self._processor = processor
        self._log = log
        self._topics = topics
        self._queues_look_s = queues_look_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin. On the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)

    def stop(self) -> None:
        """End, soon."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Only `stop` ends it: by a defect it would show the same for ever."""
        if not task.cancelled():
            logger.error("sampling begins anew after a defect", exc_info=task.exception())
            task.get_loop().call_later(LAG_LOOK_S, self._start_anew, task)

    def _start_anew(self, ended: asyncio.Task[None]) -> None:
        if self._task is ended:
            self.start()

    async def _run(self) -> None:
        seldom_s = 0.0
        while True:
            await asyncio.to_thread(self.look_at_lags)
            if time.monotonic() >= seldom_s:
                seldom_s = time.monotonic() + self._queues_look_s
                await asyncio.to_thread(self._look_seldom)
            await asyncio.sleep(LAG_LOOK_S)

    def _look_seldom(self) -> None:
        for look in (self.look_at_stores, self.look_at_queues):
            try:
                look()
            except StoreError as error:
                logger.info("nothing could be sampled: %s", error)

    def late_s(self, number: int) -> float:
        """Since when there is something in the log of a partition that is not folded here, as far
        as it was looked at; what was seen is not forgotten while its leader is away.
        """
        position = self._processor.position(number)
        for seen in self._ahead.get(number, ()):
            if position is not None and position < seen.end:
                return time.monotonic() - seen.at_s
        return 0.0

    def look_at_lags(self) -> None:
        """How many records of each partition are not folded yet, here and by a standby that is
        here.
        """
        processor, standbys = self._processor, self._processor.standbys
        owned = processor.owned()
        self._ahead = {number: seen for number, seen in self._ahead.items() if number in owned}
        ends = self._ends(owned)
        for number, newest in ends.items():
            self._ahead[number] = self._still_ahead(number, newest)
        self.lags = _lags(ends, processor.position)
        if standbys is not None:
            followed = self._ends(standbys.numbers())
            self.ends = {number: seen.end for number, seen in followed.items()}
            self.standby_lags = _lags(followed, standbys.position)

    def _ends(self, numbers: Iterable[int]) -> dict[int, Seen]:
        """Where the logs end of which one hears; nobody is waited for long, since the fold may want
        to ask, too.
        """
        ends: dict[int, Seen] = {}
        for number in numbers:
            now_s = time.monotonic()
            if now_s < self._not_before_s.get(number, now_s):
                continue
            try:
                ends[number] = Seen(now_s, self._log.bounds(number, ASK_S)[1])
                self._not_before_s.pop(number, None)
            except LogError as error:
                logger.info("where partition %d ends is not known: %s", number, error)
                self._not_before_s[number] = time.monotonic() + AWAY_S
        return ends

    def _still_ahead(self, number: int, newest: Seen) -> tuple[Seen, ...]:
        """The ends that a partition has not come to, oldest first. If there are too many, the last
        one moves on, and keeps its time: it is said to be later than it is, not less late.
        """
        position = self._processor.position(number) or 0
        known = [seen for seen in self._ahead.get(number, ()) if seen.end > position]
        if newest.end <= position or (known and known[-1].end == newest.end):
            return tuple(known)
        if len(known) == AHEAD_MAX:
            newest = Seen(known.pop().at_s, newest.end)
        return (*known, newest)

    def look_at_stores(self) -> None:
        """How large each store is on disk."""
        disk = self._processor.room.disk
        owned = self._processor.owned()
        self.store_bytes = {} if disk is None else {n: disk.store_bytes(n) for n in owned}

    def look_at_queues(self) -> None:
        """What waits in the queues of the first QUEUES_MAX TaskDefs."""
        view = self._processor.view(DECIDING_PARTITION)
        if view is None:
            self.queues = []
            return
        known = list(islice(_task_defs(view), QUEUES_MAX))
        del view  # it holds the database open
        self.queues = list(self._queues_of(known))

    def _queues_of(self, known: Iterable[tuple[str, str]]) -> Iterator[Queue]:
        away = 0
        for tenant, task_def in known:
            try:
                yield self._queue(tenant, task_def)
            except LogError as error:
                logger.info("what waits for %s is not known: %s", task_def, error)
                away += isinstance(error, LogUnavailable)
                if away == AWAY_MAX:
                    return  # of the others it would be long until they are not known either

    def _queue(self, tenant: str, task_def: str) -> Queue:
        group = task_group(self._topics, tenant, task_def)
        backlog = self._log.backlog(self._topics.task(tenant, task_def), group)
        workers = self._log.workers(group) if isinstance(self._log, Joined) else []
        return Queue(tenant, task_def, backlog.records, backlog.oldest_ms, len(workers))


def _lags(ends: Mapping[int, Seen], position: Callable[[int], int | None]) -> dict[int, int]:
    places = [(number, seen.end, position(number)) for number, seen in ends.items()]
    return {number: max(0, end - at) for number, end, at in places if at is not None}


def _task_defs(view: RowView) -> Iterator[tuple[str, str]]:
    """Tenant and name of every TaskDef. The rows of a tenant lie together, its name first; those of
    the partition lie below all of them.
    """
    start = b"\x01"
    while (key := view.first_key(start, META)) is not None:
        tenant = key.partition(b"\x00")[0].decode()
        for row in Rows(view).scan(TaskDef, tenant):
            yield tenant, row.name
        start = tenant.encode() + b"\x01"
