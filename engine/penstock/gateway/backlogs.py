"""What waits in task queues, counted by the log: several at once, each once for all who ask, and
nobody waits long for one that can not be counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from penstock.contracts.topics import Topics, task_group
from penstock.log.port import Backlog, EngineLog, LogError

COUNTED_AT_ONCE: Final = 8
DEADLINE_S: Final = 3.0
"""For all that one request asks for. What is not counted by then goes on, for who asks next."""
FRESH_S: Final = 0.5

Key = tuple[str, str]

logger = logging.getLogger("penstock.gateway")


class Backlogs:
    """Used on the event loop."""

    def __init__(self, *, log: EngineLog, topics: Topics) -> None:
        self._log = log
        self._topics = topics
        self._threads = ThreadPoolExecutor(COUNTED_AT_ONCE, thread_name_prefix="backlogs")
        self._counts: dict[Key, asyncio.Future[Backlog | None]] = {}

    def close(self) -> None:
        """Nothing more will be counted."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def of(self, tenant: str, task_defs: Iterable[str]) -> dict[str, Backlog]:
        """What waits in these queues, by name; what could not be counted in time is left out."""
        counts = {name: self._count((tenant, name)) for name in task_defs}
        if counts:
            await asyncio.wait(counts.values(), timeout=DEADLINE_S)
        found: dict[str, Backlog] = {}
        for name, count in counts.items():
            backlog = count.result() if count.done() and not count.cancelled() else None
            if backlog is not None:
                found[name] = backlog
        return found

    def _count(self, key: Key) -> asyncio.Future[Backlog | None]:
        """A count that is under way, or was just now; or a new one."""
        count = self._counts.get(key)
        if count is None:
            loop = asyncio.get_running_loop()
            count = self._counts[key] = loop.run_in_executor(self._threads, self._counted, *key)
            count.add_done_callback(lambda _: loop.call_later(FRESH_S, self._counts.pop, key, None))
        return count

    def _counted(self, tenant: str, task_def: str) -> Backlog | None:
        topic, group = (
            self._topics.task(tenant, task_def),
            task_group(self._topics, tenant, task_def),
        )
        try:
            return self._log.backlog(topic, group)
        except LogError as error:
            logger.info("the queue of %r can not be counted: %s", task_def, error)
            return None
