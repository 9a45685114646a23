"""Room on the disk, before and after a batch (R17).

Before: without room nothing is polled, folded or produced, and readiness says why. After: a batch
whose outputs are delivered and whose write fails is written again in place, by this process, until
there is room; it is not produced again. If the process is stopped before, the next one folds it
again, which repeats outputs with the stamps that they had.
"""

from __future__ import annotations

import logging
from threading import Event
from typing import Final

from penstock.processor.disk import Disk
from penstock.processor.partition import Batch, Partition
from penstock.processor.recovery import Opener
from penstock.store.port import StoreCorrupt, StoreError

HOLD_S: Final = 0.5

logger = logging.getLogger("penstock.processor")


class Room:
    """Whether there is room to go on. The fold's thread looks; any may read `problem`."""

    def __init__(self, disk: Disk | None, opener: Opener, stopping: Event) -> None:
        self.problem: str | None = None
        self.disk = disk
        self._opener = opener
        self._stopping = stopping

    def is_there(self) -> bool:
        """Look at the disk."""
        problem = None if self.disk is None else self.disk.problem()
        if problem is not None and self.problem is None:
            logger.error("nothing is folded: %s", problem)
        if problem is None and self.problem is not None:
            logger.warning("there is room again")
        self.problem = problem
        return problem is None

    def write(self, partition: Partition, batch: Batch) -> None:
        """Keep a batch that is delivered, however often it takes. Raises when the process stops
        before that, or when the store is not what it was.
        """
        while True:
            try:
                partition.write(batch)
                self.problem = None
                return
            except StoreCorrupt:
                raise
            except StoreError as error:
                number = partition.shard.partition
                if self.problem is None:
                    logger.error(
                        "partition %d can not be written, trying again in place: %s",
                        *(number, error),
                        extra={"partition": number},
                    )
                self.problem = f"partition {number} can not be written: {error}"
                if self._stopping.wait(HOLD_S):
                    raise
            self._reopen(partition)

    def _reopen(self, partition: Partition) -> None:
        """After a write that failed the database takes no other before it is opened anew."""
        try:
            self._opener.reopen(partition)
        except StoreCorrupt:
            raise
        except StoreError as error:
            logger.info("not yet: %s", error)
