"""The processor: one thread that polls, folds, delivers, writes and commits, for all partitions it
owns (I3).

    poll -> fold in an overlay -> deliver outputs, wait for every acknowledgement
         -> one WriteBatch a partition -> tell those who wait; a few times a second the mark

If delivery can not be known, nothing is written: the partitions are read again from where their
stores stand, and the whole batch is folded and sent again. A crash anywhere repeats outputs, and
never loses one.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.state.rows import Row
from penstock.log.port import EngineLog, Fenced, Gone, LogError, LogUnavailable, Record
from penstock.observe.tally import FoldTally
from penstock.processor.answers import Answered, Waiters
from penstock.processor.counted import count
from penstock.processor.delivery import Courier
from penstock.processor.disk import Disk
from penstock.processor.errands import Errands
from penstock.processor.errors import PartitionStopped
from penstock.processor.failpoints import Failpoints
from penstock.processor.freshness import Freshness
from penstock.processor.owned import Departed, Owned
from penstock.processor.partition import Batch, Partition, in_batches
from penstock.processor.raising import Known, Raiser, this_build
from penstock.processor.recovery import Opener, commit_position, rest_until_s
from penstock.processor.room import HOLD_S, Room
from penstock.processor.rulings import Ruler
from penstock.processor.snapshots.snapshotter import Snapshotter
from penstock.processor.standbys import Standbys
from penstock.store.port import StoreCorrupt
from penstock.store.rowstore import RowView

RECORDS_PER_POLL_MAX: Final = 1_000
IDLE_POLL_S: Final = 0.1  # so long a stop may have to wait
COMMIT_EVERY_S: Final = 0.2
RENEW_MARKS_S: Final = 3_600.0
"""Kafka forgets what a group without members has committed some time after it did
(offsets.retention.minutes); so does it, once its group is gone, for a partition that stood still.
"""
RETRY_PAUSE_S: Final = 0.2
RESTORE_LOOK_S: Final = 0.05

Watcher = Callable[[int, Mapping[bytes, Row | None]], None]

logger = logging.getLogger("penstock.processor")


class Processor:
    """Owns partitions of one log. `start`, then `stop`; everything else may be called from any
    thread.
    """

    def __init__(
        self,
        *,
        log: EngineLog,
        avro: Avro,
        topics: Topics,
        opener: Opener,
        failpoints: Failpoints | None = None,
        snapshots: Snapshotter | None = None,
        records_per_poll: int = RECORDS_PER_POLL_MAX,
        stale_after_s: float = math.inf,
        disk: Disk | None = None,
        standbys: Standbys | None = None,
        known: Known = this_build,
    ) -> None:
        self.tally = FoldTally()
        self.waiters = Waiters()
        self._log = log
        self._avro = avro
        self._topics = topics
        self.snapshots = snapshots
        self._failpoints = failpoints or Failpoints()
        self._courier = Courier(
            log=log, avro=avro, topics=topics, failpoints=self._failpoints, tally=self.tally
        )
        self._ruler = Ruler(log, avro, topics, self.tally)
        self._errands = Errands(log, topics, self._courier, Raiser(known))
        self._records_per_poll = records_per_poll
        self._fresh = Freshness(stale_after_s, log)
        self._owned = Owned(
            log=log, opener=opener, errands=self._errands, fresh=self._fresh, standbys=standbys
        )
        self.standbys = standbys
        if standbys is not None:
            standbys.written = self._tell_watchers
        self._watchers: list[Watcher] = []
        self._stopping = threading.Event()
        self.room = Room(disk, opener, self._stopping)
        self._commit_s = 0.0
        self._renew_s = time.monotonic() + RENEW_MARKS_S
        self._leave: Callable[[], None] | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="penstock-fold")
        self._loop: Future[None] | None = None

    def start(self) -> None:
        """Ask for partitions and begin to fold."""
        self.subscribe()
        self._loop = self._executor.submit(self._run)
        self._loop.add_done_callback(_log_failure)

    def subscribe(self) -> None:
        """Ask for partitions; they come with the next step."""
        self._log.subscribe(self)

    def stop(self, timeout_s: float = 30.0, *, leave: Callable[[], None] | None = None) -> None:
        """Finish the batch at hand and let go of everything; nothing is left to redo. `leave` is
        called as soon as others may have the partitions, before anything of our own is tidied up.
        """
        self._leave = leave or self._leave
        self._stopping.set()
        if self._loop is None:
            self._close_all()
        else:
            wait([self._loop], timeout_s)
        if leave is not None:
            leave()  # the thread may have ended by itself before
        self._executor.shutdown(wait=False)

    @property
    def failure(self) -> BaseException | None:
        """Why the thread has ended by itself, if it has."""
        loop = self._loop
        return loop.exception() if loop is not None and loop.done() else None

    @property
    def stopped(self) -> dict[int, PartitionStopped]:
        """The partitions that can not go on here, and why."""
        return self._owned.stopped

    @property
    def waiting(self) -> dict[int, str]:
        """Why partitions could not be opened here when they were tried last."""
        return dict(self._owned.waiting)

    def owned(self) -> list[int]:
        """The partitions that are open here."""
        return sorted(self._owned.partitions)

    def partitions(self) -> list[Partition]:
        """What is open here, as the fold has it."""
        return list(self._owned.partitions.values())

    def position(self, number: int) -> int | None:
        """What the partition will fold next; None if it is not open here."""
        partition = self._owned.partitions.get(number)
        return None if partition is None else partition.next_offset

    def is_opening(self, number: int) -> bool:
        """Whether a partition is ours and does not serve reads yet: it is being opened, or has not
        folded all that the log had by then.
        """
        position = self.position(number)
        if position is None:
            return number in self._owned.to_open
        return self._fresh.is_behind(number, position)

    @property
    def is_stale(self) -> bool:
        """Whether the log was last read so long ago that others may own what is open here."""
        return self._fresh.is_stale

    def view(self, number: int) -> RowView | None:
        """Rows of a partition as they are now; None if it is not open here."""
        partition = self._owned.partitions.get(number)
        return None if partition is None else partition.view()

    def watch(self, watcher: Watcher) -> None:
        """Have `watcher` told, in the fold's thread, what each batch has written and where.
        It must neither raise nor block.
        """
        self._watchers.append(watcher)

    def on_departure(self, departed: Departed) -> None:
        """Have `departed` told, as a watcher is, of each partition that is open here no more."""
        self._owned.departed.append(departed)

    def expect(self, tenant: str, command_id: str) -> Future[Answered]:
        """The answer to a command that is about to be appended."""
        return self.waiters.expect((tenant, command_id))

    # Ownership, called by the log in the processor's thread.

    def assigned(self, partitions: Sequence[int]) -> None:
        """These are to be opened: in the loop, where the log may be asked more than once."""
        self._owned.assigned(partitions)

    def revoked(self, partitions: Sequence[int]) -> None:
        """No batch is under way between polls: commit and close these."""
        try:
            for number in partitions:
                partition = self._owned.partitions.get(number)
                if partition is not None:
                    self._commit(partition)
        finally:
            self.lost(partitions)

    def lost(self, partitions: Sequence[int]) -> None:
        """Another owner has these already; what is written here is what it folds too (I4)."""
        self._owned.lost(partitions)

    # The loop.

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.step()
        finally:
            self._close_all()

    def step(self) -> None:
        """One round of the loop; tests and the simulator call it in place of `start`."""
        try:
            self._owned.close_left()
            if not self.room.is_there():
                if self._log.poll(1, HOLD_S):  # so that it stays a member of the group
                    self._stopping.wait(HOLD_S)
                self._owned.read_again()
                return
            self._owned.open_assigned()
            self._errands.run(self._owned.partitions)
            self._commit_all()
            if self.snapshots is not None:
                self.snapshots.between_batches(self._owned.partitions)
            if self.standbys is not None:
                self.standbys.step(self._owned.numbers)
            self._fresh.folded()
            records = self._log.poll(self._records_per_poll, self._idle_s())
            self._fresh.polled()
            if self._fresh.is_stale:
                self._prove()
            if records and self.room.is_there():
                for together in in_batches(records, self._owned.partitions):
                    self._handle(together)
            elif records:
                self._owned.read_again()
        except StoreCorrupt as error:
            self._owned.corrupt(error)
        except Gone as gone:
            self._owned.gone(gone)
        except LogUnavailable as error:
            logger.warning("the log is not available, trying again: %s", error)
            self._owned.read_again()
            self._stopping.wait(RETRY_PAUSE_S)

    def _handle(self, records: dict[int, list[Record]]) -> None:
        batches: list[tuple[Partition, Batch]] = []
        for number, received in records.items():
            partition = self._owned.partitions.get(number)
            batch = None if partition is None else self._fold(partition, received)
            if partition is not None and batch is not None:
                batches.append((partition, batch))
        if not batches:
            return
        self._failpoints.reach("before_produce")
        folded_s = time.perf_counter()
        self._courier.deliver(turn for _, batch in batches for turn in batch.outputs)
        self._failpoints.reach("after_acks_before_batch")
        delivered_s = time.perf_counter()
        for partition, batch in list(batches):
            try:
                self.room.write(partition, batch)
            except StoreCorrupt as error:
                self._owned.corrupt(error)
                batches.remove((partition, batch))
        if not batches:
            return
        count(self.tally, batches, folded_s, delivered_s)
        self._failpoints.reach("after_batch_before_commit")
        for partition, batch in batches:
            if batch.ticked_ms is not None:
                self._errands.ticker.came(partition.shard.partition, batch.ticked_ms)
            self.waiters.tell(batch.answers)
            self._tell_watchers(partition.shard.partition, batch)

    def _tell_watchers(self, number: int, batch: Batch) -> None:
        for watcher in self._watchers:
            watcher(number, batch.rows.changes())

    def _commit_all(self) -> None:
        """Commit the marks of partitions that have moved, a few times a second: until then the
        position in the store says what was delivered, and a store that is lost repeats it. Once in
        a while those of the others, too, so that the log does not forget them.
        """
        now_s = time.monotonic()
        if now_s < self._commit_s:
            return
        self._commit_s = now_s + COMMIT_EVERY_S
        try:
            for partition in list(self._owned.partitions.values()):
                self._commit(partition, always=now_s >= self._renew_s)
            if now_s >= self._renew_s:
                self._renew_s = now_s + RENEW_MARKS_S
        except LogUnavailable as error:  # the leaders may be there: what comes is folded
            logger.warning("marks wait: %s", error)
            self._commit_s = rest_until_s(now_s, COMMIT_EVERY_S)

    def _fold(self, partition: Partition, records: list[Record]) -> Batch | None:
        """Fold; a defect is ruled on and the records are folded again. None: nothing to do, or it
        is stopped.
        """
        records = [record for record in records if record.offset >= partition.next_offset]
        if not records:
            return None
        self._errands.ticker.saw(partition.shard.partition, records[-1].timestamp_ms)
        try:
            return self._ruler.fold(partition, records)
        except PartitionStopped as stopped:
            self._owned.give_up(partition.shard.partition, stopped)
        except Fenced:
            self._owned.fenced(partition.shard.partition)
        except StoreCorrupt as error:
            self._owned.corrupt(error)
        return None

    def _prove(self) -> None:
        """This process stood still for long: the log says of each partition whether it is ours."""
        for partition in list(self._owned.partitions.values()):
            self._commit(partition, always=True)
        self._fresh.proved()

    def _commit(self, partition: Partition, *, always: bool = False) -> None:
        """Say that all up to here is delivered. A fenced owner has written nothing that the next
        one will not."""
        if not partition.uncommitted and not always:
            return
        number = partition.shard.partition
        try:
            commit_position(self._log, partition)
        except Fenced:
            self._owned.fenced(number)

    def _idle_s(self) -> float:
        """How long there is nothing to do but wait for records."""
        waits = list(self._errands.waits_s(self._owned.partitions))
        moved = any(partition.uncommitted for partition in self._owned.partitions.values())
        if self._owned.to_open:
            waits.append(RESTORE_LOOK_S)
        if self.standbys is not None:
            waits += self.standbys.waits_s()
        return min([COMMIT_EVERY_S if moved else IDLE_POLL_S, *waits])

    def _close_all(self) -> None:
        logger.info("partitions %s are let go of", self.owned())
        try:
            self.revoked(list(self._owned.partitions))
        except LogError as error:
            logger.warning("the marks could not be committed: %s", error)
            self.lost(list(self._owned.partitions))
        try:
            if self._leave is not None:
                self._leave()
                logger.info("the group is left")
        finally:
            self._owned.close_left()
        self._errands.close()
        if self.standbys is not None:
            self.standbys.close()


def _log_failure(loop: Future[None]) -> None:
    if not loop.cancelled() and loop.exception() is not None:
        logger.critical("the processor stops: %r", loop.exception(), exc_info=loop.exception())
