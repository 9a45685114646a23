"""What this process owns: partitions that were assigned to it, until they are open, and from there
until they go or are stopped. All of it runs in the fold's thread; any may look at what is open.

A partition for which this process stood by is taken over as it is, warm (R15). Any other is opened
by the Opener, which may have to restore it first; until then it stays to be opened (R20). So does
one that the log can not be asked about, since its leader is away, or whose store the system does
not let us open just now; the others go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from penstock.log.port import EngineLog, Fenced, Gone, LogUnavailable
from penstock.processor.errands import Errands
from penstock.processor.errors import PartitionStopped, StopCause
from penstock.processor.freshness import Freshness
from penstock.processor.partition import Partition
from penstock.processor.recovery import Opener, rest_until_s
from penstock.processor.standbys import Standbys
from penstock.store.port import StoreCorrupt, StoreError

RETRY_S: Final = 0.2

Departed = Callable[[int], None]

logger = logging.getLogger("penstock.processor")


class Owned:
    """See above."""

    def __init__(
        self,
        *,
        log: EngineLog,
        opener: Opener,
        errands: Errands,
        fresh: Freshness,
        standbys: Standbys | None,
    ) -> None:
        self.partitions: dict[int, Partition] = {}
        self.to_open: set[int] = set()
        self.stopped: dict[int, PartitionStopped] = {}
        self.waiting: dict[int, str] = {}  # why one could not be opened when it was tried last
        self.departed: list[Departed] = []
        self._not_before_s: dict[int, float] = {}
        self._left: list[Partition] = []
        self._log = log
        self._opener = opener
        self._errands = errands
        self._fresh = fresh
        self._standbys = standbys

    @property
    def numbers(self) -> set[int]:
        """All that was assigned and has not gone, be it open, to be opened or stopped."""
        return self.to_open | self.partitions.keys() | self.stopped.keys()

    def assigned(self, numbers: Sequence[int]) -> None:
        """These are ours, to be opened."""
        self.to_open.update(numbers)

    def lost(self, numbers: Sequence[int]) -> None:
        """These are not ours any more; why one was stopped is for its next owner to find out."""
        self.to_open.difference_update(numbers)
        for number in numbers:
            self._opener.leave(number)
            self._not_before_s.pop(number, None)
            self.waiting.pop(number, None)
            self.stopped.pop(number, None)
            partition = self._leave(number)
            if partition is not None:
                self._left.append(partition)

    def close_left(self) -> None:
        """Close the stores of what has gone. Nobody else waits for that, so it comes when the log
        has been told that others may have the partitions.
        """
        while self._left:
            self._left.pop().close()

    def open_assigned(self) -> None:
        """Open what was assigned; what is being restored (R20), or could not be asked of the log,
        stays to be opened."""
        for number in sorted(self.to_open):
            began_s = time.monotonic()
            if began_s < self._not_before_s.get(number, 0.0):
                continue
            try:
                is_settled = self._open(number)
            except StoreCorrupt:
                raise
            except (Gone, LogUnavailable, StoreError) as error:
                logger.warning("partition %d can not be opened yet: %s", number, error)
                self.waiting[number] = str(error)
                self.close(number)
                self._not_before_s[number] = rest_until_s(began_s, RETRY_S)
                return  # the others have their turn after what is open has had its own
            self._not_before_s.pop(number, None)
            self.waiting.pop(number, None)
            if is_settled:
                self.to_open.discard(number)

    def _open(self, number: int) -> bool:
        """Whether there is nothing more to wait for."""
        self.close(number)
        try:
            end = self._opener.end(number)
            warm = None if self._standbys is None else self._standbys.give(number)
            partition = self._opener.open(number, warm)
        except PartitionStopped as stopped:
            self.give_up(number, stopped)
            return stopped.cause is not StopCause.LOCKED  # who has it lets go of it some time
        except Fenced:
            self.fenced(number)
            return True
        if partition is None:
            return False
        where = f"at {partition.next_offset} of {end}, {'cold' if warm is None else 'warm'}"
        logger.info("partition %d is open %s", number, where, extra={"partition": number})
        self._fresh.opened(number, end)
        self.partitions[number] = partition
        self.stopped.pop(number, None)
        self.read_on(number, partition)
        return True

    def read_again(self) -> None:
        """Nothing was written: read on from where the stores stand."""
        for number, partition in list(self.partitions.items()):
            try:
                self.read_on(number, partition)
            except Gone as gone:
                self.gone(gone)
            except LogUnavailable as error:  # so that nothing is passed over: from the beginning
                logger.warning("partition %d is opened again: %s", number, error)
                self.close(number)
                self.to_open.add(number)

    def read_on(self, number: int, partition: Partition) -> None:
        """Read a partition on from where its store stands."""
        try:
            self._log.read_from(number, partition.next_offset)
        except Fenced:
            self.fenced(number)

    def gone(self, gone: Gone) -> None:
        """The log has not what comes next: whoever opens it anew finds out why, and stops it by
        name, or has a snapshot that has come further.
        """
        number = gone.partition
        if number in self.partitions:
            logger.warning("partition %d is opened again: %s", number, gone)
            self.close(number)
            self.to_open.add(number)
            self.waiting[number] = str(gone)
            self._not_before_s[number] = time.monotonic() + RETRY_S

    def fenced(self, number: int) -> None:
        """Another owner has it; the partitions that are still ours go on."""
        logger.warning("partition %d has another owner", number, extra={"partition": number})
        self.close(number)

    def give_up(self, number: int, stopped: PartitionStopped) -> None:
        """The partition can not go on here; the others do (R20)."""
        logger.error("partition %d is stopped: %s", number, stopped, extra={"partition": number})
        self.stopped[number] = stopped
        self.close(number)

    def corrupt(self, error: StoreCorrupt) -> None:
        """RocksDB has found damage in a store that is open, or is being opened: it is set aside,
        and opened anew.
        """
        number = -1 if error.partition is None else error.partition
        partition = self.partitions.get(number)
        if partition is not None:
            partition.store.close()
        elif number not in self.to_open:
            raise error
        self._opener.set_aside(number, f"corrupt ({error})")
        self._leave(number)
        self.to_open.add(number)

    def close(self, number: int) -> None:
        """Let go of a partition, if it is open."""
        partition = self._leave(number)
        if partition is not None:
            partition.close()

    def _leave(self, number: int) -> Partition | None:
        """It is not open here any more, and whoever waits for it here is told so."""
        partition = self._forget(number)
        if partition is not None:
            self._fresh.closed(number)
            for departed in self.departed:
                departed(number)
        return partition

    def _forget(self, number: int) -> Partition | None:
        self._errands.forget(number)
        return self.partitions.pop(number, None)
