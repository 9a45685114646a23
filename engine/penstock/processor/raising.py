"""The fold version of the log moves up once every node knows the next one (R9, proposal 0010). The
owner of partition 0 looks; what it finds has to hold for a while, since a node that is being
replaced is not there for a moment.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from penstock.core.commands.barrier import Barrier
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.limits import FOLD_VERSION
from penstock.processor.asides import answer_of
from penstock.processor.partition import Partition

LOOK_S: Final = 2.0
SETTLED_S: Final = 10.0

Known = Callable[[], int | None]
"""The highest fold version that all nodes know, and none of them holds back; None: nobody can say.
May take its time."""

logger = logging.getLogger("penstock.processor")


def this_build() -> int | None:
    """Of a node that is alone."""
    return FOLD_VERSION


class Raiser:
    """Looks now and then, as long as a later version is known here than is in force."""

    def __init__(self, known: Known, settled_s: float = SETTLED_S) -> None:
        self._known = known
        self._settled_s = settled_s
        self._look_s = 0.0
        self._since_s: float | None = None
        self._next = 0
        self._asked: Future[int | None] | None = None
        self._executor: ThreadPoolExecutor | None = None

    def barrier(self, partitions: Mapping[int, Partition]) -> Barrier | None:
        """What is to be appended to partition 0, if it is time."""
        partition = partitions.get(DECIDING_PARTITION)
        if partition is None or partition.state.fold_version >= FOLD_VERSION:
            self._since_s = None
            return None
        now_s = time.monotonic()
        if self._asked is not None and self._asked.done():
            self._note(self._asked, partition.state.fold_version, now_s)
            self._asked = None
        if self._asked is None and now_s >= self._look_s:
            self._look_s = now_s + LOOK_S
            self._executor = self._executor or ThreadPoolExecutor(1, "penstock-raise")
            self._asked = self._executor.submit(self._known)
        if self._since_s is None or now_s - self._since_s < self._settled_s:
            return None
        self._since_s = None  # if it comes to nothing, it is seen again
        logger.warning("all nodes know fold version %d: the log moves to it", self._next)
        return Barrier(version=self._next)

    def close(self) -> None:
        """Nobody looks any more."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _note(self, asked: Future[int | None], in_force: int, now_s: float) -> None:
        known = answer_of(asked, "which fold version all nodes know")
        following = in_force if known is None else min(known, FOLD_VERSION)
        if following <= in_force:
            self._since_s = None
        elif self._since_s is None or following != self._next:
            self._since_s, self._next = now_s, following
