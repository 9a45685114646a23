"""Standbys: partitions that other processes own, folded here too, muted, so that this process can
take them over warm, and be read meanwhile (R15).

Rules
- The mark is read, then the verdicts to their end, then records below the mark are folded, never
  one beyond: all that is folded was delivered by its owner. So nothing is put out here, nothing is
  committed, and there is nothing to rule on.
- What owners do comes first: a standby folds for FOLD_S at most between two of their batches.
- A standby that can not go on is stopped by name, and tried again later; no owner notices it. What
  the log has not any more comes from a snapshot, as it would for an owner (R16).

All of it runs in the fold's thread, but for looks at what there is.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from penstock.log.port import Follower, Gone, LogUnavailable, Record
from penstock.processor.errors import PartitionStopped, StopCause
from penstock.processor.partition import Batch, Defective, Partition
from penstock.processor.recovery import Opener, rest_until_s
from penstock.processor.standing import Roster
from penstock.processor.verdicts import Verdicts
from penstock.store.port import StoreCorrupt, StoreError
from penstock.store.rowstore import RowView

FOLD_S: Final = 0.02
FOLD_RECORDS: Final = 100
POLL_RECORDS: Final = 1_000
PENDING_MAX: Final = 5_000
PENDING_BYTES_MAX: Final = 16 * 1024 * 1024
LOOK_S: Final = 0.2  # owners commit their marks as often
OPEN_LOOK_S: Final = 0.05
FETCH_LOOK_S: Final = 0.005
RETRY_S: Final = 1.0
STOPPED_RETRY_S: Final = 60.0

logger = logging.getLogger("penstock.processor")


@dataclass(slots=True)
class _Standby:
    """One partition: what of the log has come and is not folded, and why it is not open."""

    number: int
    partition: Partition | None = None
    pending: deque[Record] = field(default_factory=deque[Record])
    pending_bytes: int = 0
    not_before_s: float = 0.0
    stopped: PartitionStopped | None = None
    is_full: bool = False  # nothing is fetched until what is pending is folded

    @property
    def is_ready(self) -> bool:
        """Whether there is something to fold."""
        partition = self.partition
        return (
            partition is not None and bool(self.pending) and self.pending[0].offset < partition.mark
        )


class Standbys:
    """See above."""

    def __init__(
        self, *, roster: Roster, opener: Opener, follower: Follower, verdicts: Verdicts
    ) -> None:
        self.written: Callable[[int, Batch], None] | None = None
        self._roster = roster
        self._opener = opener
        self._follower = follower
        self._verdicts = verdicts
        self._standbys: dict[int, _Standby] = {}
        self._look_s = 0.0
        self._turn = 0

    # Looks, from any thread.

    def known(self) -> list[int]:
        """The partitions that this process stands by for, open or not."""
        return sorted(self._standbys.copy())

    def numbers(self) -> list[int]:
        """The partitions that are open here as standbys."""
        standbys = list(self._standbys.values())
        return sorted(one.number for one in standbys if one.partition is not None)

    def position(self, number: int) -> int | None:
        """What a standby folds next; None if there is none that is open."""
        partition = self._partition(number)
        return None if partition is None else partition.next_offset

    def view(self, number: int) -> RowView | None:
        """The rows of a standby as they are now."""
        partition = self._partition(number)
        return None if partition is None else partition.view()

    def stopped(self) -> dict[int, PartitionStopped]:
        """Standbys that can not go on, and why."""
        standbys = list(self._standbys.values())
        return {one.number: one.stopped for one in standbys if one.stopped is not None}

    # For the fold's thread.

    def step(self, owned: Collection[int]) -> None:
        """What is to be done between two batches of what this process owns."""
        wanted = self._roster.wanted().difference(owned)
        for number in self._standbys.keys() - wanted:
            self._drop(number)
        for number in sorted(wanted):
            standby = self._standbys.setdefault(number, _Standby(number))
            if standby.partition is None and time.monotonic() >= standby.not_before_s:
                began_s = time.monotonic()
                try:
                    self._open(standby)
                except LogUnavailable as error:
                    self._again(standby, error, rest_until_s(began_s, RETRY_S))
                    break  # owners have their turn
        began_s = time.monotonic()
        try:
            self._look()
            self._receive()
        except LogUnavailable as error:
            logger.warning("standbys wait for the log: %s", error)
            self._look_s = rest_until_s(began_s, RETRY_S)
        self._fold()

    def waits_s(self) -> Iterator[float]:
        """How long until there is something to do."""
        for standby in self._standbys.values():
            partition = standby.partition
            if standby.is_ready:
                yield 0.0
            elif partition is None:
                yield max(OPEN_LOOK_S, standby.not_before_s - time.monotonic())
            elif partition.next_offset < partition.mark:
                yield FETCH_LOOK_S
            else:
                yield max(0.0, self._look_s - time.monotonic())

    def give(self, number: int) -> Partition | None:
        """The partition is ours now: what has been folded of it, if it is open."""
        standby = self._standbys.pop(number, None)
        if standby is None:
            return None
        self._follower.leave(number)
        return standby.partition

    def close(self) -> None:
        """Let go of all."""
        for number in list(self._standbys):
            self._drop(number)
        self._roster.stop()
        self._follower.close()

    def _partition(self, number: int) -> Partition | None:
        standby = self._standbys.get(number)
        return None if standby is None else standby.partition

    def _drop(self, number: int) -> None:
        self._opener.leave(number)
        partition = self.give(number)
        if partition is not None:
            partition.close()

    def _open(self, standby: _Standby) -> None:
        """Open it; one that is being restored is asked for again. Raises LogUnavailable."""
        try:
            self._opener.end(standby.number)
            standby.partition = self._opener.open_standby(standby.number)
        except PartitionStopped as stopped:
            self._stop(standby, stopped)
            return
        except StoreError as error:
            self._again(standby, error)
            return
        standby.stopped = None
        if standby.partition is not None:
            self._follow(standby)

    def _follow(self, standby: _Standby) -> None:
        assert standby.partition is not None, "it is open"
        standby.is_full = False
        read_on = standby.pending[-1].offset + 1 if standby.pending else None
        self._follower.follow(standby.number, read_on or standby.partition.next_offset)

    def _look(self) -> None:
        """The marks, and then the verdicts: whoever has moved a mark has ruled before."""
        if time.monotonic() < self._look_s:
            return
        self._look_s = time.monotonic() + LOOK_S
        moved: dict[int, int] = {}
        for number, mark in self._follower.marks(self.numbers()).items():
            partition = self._partition(number)
            if partition is not None and mark.next_offset > partition.mark:
                moved[number] = mark.next_offset
        if not moved:
            return
        self._verdicts.read()
        for number, mark in moved.items():
            partition = self._partition(number)
            assert partition is not None, "nothing has closed it meanwhile"
            partition.rulings, partition.mark = self._verdicts.on(number), mark

    def _receive(self) -> None:
        try:
            records = self._follower.poll(POLL_RECORDS)
        except Gone as gone:
            standby = self._standbys.get(gone.partition)
            if standby is not None:
                self._again(standby, gone)
            return
        for record in records:
            standby = self._standbys.get(record.partition)
            if standby is not None and standby.partition is not None:
                standby.pending.append(record)
                standby.pending_bytes += len(record.value or b"")
        for standby in self._standbys.values():
            count, size = len(standby.pending), standby.pending_bytes
            if not standby.is_full and (count >= PENDING_MAX or size >= PENDING_BYTES_MAX):
                standby.is_full = True
                self._follower.leave(standby.number)
            elif standby.is_full and count < POLL_RECORDS and size < PENDING_BYTES_MAX // 2:
                self._follow(standby)

    def _fold(self) -> None:
        """Fold of one after the other, as long as there is time; the next time begins elsewhere."""
        deadline_s = time.perf_counter() + FOLD_S
        ready = [one for one in self._standbys.values() if one.is_ready]
        self._turn += 1
        while ready and time.perf_counter() < deadline_s:
            standby = ready[self._turn % len(ready)]
            self._fold_some(standby)
            if not standby.is_ready:
                ready.remove(standby)
            self._turn += 1

    def _fold_some(self, standby: _Standby) -> None:
        partition, pending = standby.partition, standby.pending
        assert partition is not None, "it is ready"
        records: list[Record] = []
        while pending and pending[0].offset < partition.mark and len(records) < FOLD_RECORDS:
            is_alone = pending[0].offset == partition.alone_offset
            if records and is_alone:
                break
            records.append(pending.popleft())
            standby.pending_bytes -= len(records[-1].value or b"")
            if is_alone:
                break
        try:
            batch = partition.fold(records)
            assert not batch.outputs, "below the mark all is delivered"
            partition.write(batch)
        except Defective as defect:
            told = f"its owner has folded what is a defect here: {defect}"
            self._stop(standby, PartitionStopped(StopCause.BUILD, told))
        except PartitionStopped as stopped:
            self._stop(standby, stopped)
        except StoreCorrupt as error:
            partition.store.close()
            standby.partition = None
            self._opener.set_aside(standby.number, f"corrupt ({error})")
            self._again(standby, error)
        except StoreError as error:
            self._again(standby, error)
        else:
            if self.written is not None:
                self.written(standby.number, batch)

    def _again(
        self, standby: _Standby, error: Exception, not_before_s: float | None = None
    ) -> None:
        """Close it, and open it anew in a moment."""
        logger.warning("the standby of partition %d is opened anew: %s", standby.number, error)
        self._put_down(standby, not_before_s or time.monotonic() + RETRY_S)

    def _stop(self, standby: _Standby, stopped: PartitionStopped) -> None:
        """It can not go on here."""
        if standby.stopped is None:
            logger.error("the standby of partition %d is stopped: %s", standby.number, stopped)
        standby.stopped = stopped
        self._put_down(standby, time.monotonic() + STOPPED_RETRY_S)

    def _put_down(self, standby: _Standby, not_before_s: float) -> None:
        standby.not_before_s = not_before_s
        standby.is_full = False
        self._follower.leave(standby.number)
        standby.pending.clear()
        standby.pending_bytes = 0
        partition, standby.partition = standby.partition, None
        if partition is not None:
            partition.close()
