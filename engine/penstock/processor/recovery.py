"""Opening a partition: its store (R13), the delivered mark (R14), and the verdicts on it (R6).

A store that can not be read, or belongs to something else, is renamed aside, never deleted. In its
place comes the newest good snapshot, if there is one, and the log from there on is folded. A log
that can not be the one the store was folded from stops the partition by name: nothing is skipped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.limits import FIRST_FOLD_VERSION
from penstock.core.state.partition_state import PartitionState, Shard
from penstock.core.state.versions import check_known
from penstock.log.port import EngineLog, Mark
from penstock.processor.at_hand import AtHand
from penstock.processor.errors import PartitionStopped, StopCause
from penstock.processor.partition import Partition, record_hash
from penstock.processor.snapshots.restorer import Restorer
from penstock.processor.verdicts import read_rulings
from penstock.store.port import (
    Identity,
    Store,
    StoreCorrupt,
    StoreError,
    StoreLocked,
    StorePosition,
    Stores,
)
from penstock.store.rowstore import RowStore, cache_bytes_of

ASK_S: Final = 2.0  # for the first question about a partition; others wait meanwhile
REST: Final = 3
"""So many times as long as it has held up the others in vain, something is left alone."""
REST_S_MAX: Final = 15.0

logger = logging.getLogger("penstock.processor")


def rest_until_s(began_s: float, least_s: float) -> float:
    """When to try again what has been tried in vain since then, while others had to wait."""
    now_s = time.monotonic()
    return now_s + max(least_s, min(REST_S_MAX, REST * (now_s - began_s)))


class _Locked(Exception):
    """Another process still has the store; whoever opens it asks again."""


class MarkNote(Struct, frozen=True):
    """What is committed beside a mark: the topic, the last record delivered, and the fold version
    in force behind it. `ruling` while a verdict is written.
    """

    topic_id: str
    last_offset: int = -1
    last_hash: str = ""
    ruling: bool = False
    fold_version: int = FIRST_FOLD_VERSION


def mark_of(
    topic_id: str,
    position: StorePosition,
    *,
    ruling: bool = False,
    fold_version: int = FIRST_FOLD_VERSION,
) -> Mark:
    """The mark to commit for a position."""
    last_hash = position.last_hash.hex()
    note = MarkNote(topic_id, position.last_offset, last_hash, ruling, fold_version)
    return Mark(position.next_offset, msgspec.json.encode(note).decode())


def commit_position(log: EngineLog, partition: Partition, *, ruling: bool = False) -> None:
    """Commit how far a partition has come as the group's mark, which is never lowered: a store that
    was behind when it was opened comes to it by folding, muted. Until then the mark is committed as
    it stands, which still asks whether the partition is ours.
    """
    number = partition.shard.partition
    fold_version = partition.state.fold_version
    mark = mark_of(log.topic_id, partition.position, ruling=ruling, fold_version=fold_version)
    if partition.is_behind_mark:
        mark = log.committed(number) or mark
    log.commit(number, mark)
    partition.committed_offset = partition.next_offset


class Opener:
    """Opens partitions of one log."""

    def __init__(
        self,
        *,
        log: EngineLog,
        avro: Avro,
        topics: Topics,
        stores: Stores,
        lock_wait_s: float,
        adopt_log: bool,
        restorer: Restorer | None = None,
        folding: Path | None = None,
    ) -> None:
        self._log = log
        self._avro = avro
        self._topics = topics
        self._stores = stores
        self._lock_wait_s = lock_wait_s
        self._adopt_log = adopt_log
        self._restorer = restorer
        self._folding = folding
        self._at_hand: dict[int, AtHand] = {}  # read once a process
        self._locked_s: dict[int, float] = {}  # since when another process was seen to have it
        self._cache_bytes_max = cache_bytes_of(log.partitions)

    def end(self, number: int) -> int:
        """The end of a partition's log. It is asked for before all else, with little patience: its
        leader may be away.
        """
        return self._log.bounds(number, ASK_S)[1]

    def open(self, number: int, warm: Partition | None = None) -> Partition | None:
        """The partition, ready to fold on from its `next_offset`; None while it is being restored,
        or another process still has its store: ask again. What a standby has folded is taken over
        as it is. Raises PartitionStopped.
        """
        if warm is not None and self._is_taken_over(warm):
            return warm
        return self._opened(number, self._mark)

    def open_standby(self, number: int) -> Partition | None:
        """As `open`, of a partition that another process owns: nothing is committed."""
        return self._opened(number, self._mark_of_others)

    def _opened(
        self, number: int, mark_of_store: Callable[[int, StorePosition], int]
    ) -> Partition | None:
        shard = Shard(number, self._log.partitions)
        try:
            store = self._sound_store(shard)
        except _Locked:
            return None
        if store is None:
            return None
        try:
            mark = mark_of_store(number, store.position())
            partition = Partition(
                shard=shard,
                store=store,
                avro=self._avro,
                mark=max(mark, store.position().next_offset),
                rulings=read_rulings(self._log, self._avro, self._topics, number),
                at_hand=self._at_hand_of(number),
            )
            check_known(partition.state.fold_version)
        except BaseException:
            store.close()
            raise
        return partition

    def _at_hand_of(self, number: int) -> AtHand:
        if number not in self._at_hand:
            file = None if self._folding is None else self._folding / f"partition-{number}"
            self._at_hand[number] = AtHand(file)
        return self._at_hand[number]

    def _is_taken_over(self, warm: Partition) -> bool:
        """The mark, and then the verdicts, as they are now that it is ours (R15). False: it can not
        be folded on, and was closed.
        """
        number = warm.shard.partition
        try:
            why = self._fault(warm.store, self._identity(warm.shard))
            if why is None:
                warm.mark = max(self._mark(number, warm.position), warm.next_offset)
                warm.rulings = read_rulings(self._log, self._avro, self._topics, number)
                return True
        except BaseException:
            warm.close()
            raise
        warm.close()
        return False

    def leave(self, number: int) -> None:
        """The partition has gone: what is being restored is not wanted."""
        self._locked_s.pop(number, None)
        if self._restorer is not None:
            self._restorer.leave(number)

    def set_aside(self, number: int, why: str) -> None:
        """Put a closed store that is not sound out of the way."""
        logger.error("the store of partition %d is %s; it is set aside", number, why)
        self._stores.set_aside(number, why.partition(" ")[0])

    def reopen(self, partition: Partition) -> None:
        """Open the store of a partition anew after a write that failed. Raises StoreError if it can
        not be had yet, StoreCorrupt if it does not stand where it stood.
        """
        with suppress(StoreError):  # it says once more what has failed
            partition.store.close()
        store = self._rows(self._stores.open(partition.shard.partition))
        if store.position().next_offset < partition.next_offset:
            store.close()
            lost = f"the store has lost what was written below {partition.next_offset}"
            raise StoreCorrupt(lost, partition.shard.partition)
        partition.reopened(store)

    def _rows(self, store: Store) -> RowStore:
        return RowStore(store, self._cache_bytes_max)

    def _sound_store(self, shard: Shard) -> RowStore | None:
        """The partition's store, or the newest snapshot in its place; None: not yet."""
        number = shard.partition
        identity = self._identity(shard)
        if self._restorer is None:
            return self._there(identity) or self._new(identity)
        if not self._restorer.is_at_work(number) and self._stores.exists(number):
            store = self._there(identity)
            if store is not None and store.position().next_offset > 0:
                return store
            if store is not None:
                store.close()
        restored = self._restorer.ask(identity)
        if restored is None:
            return None
        if restored.manifest is None or restored.directory is None:
            there = self._there(identity) if self._stores.exists(number) else None
            return there or self._new(identity)
        if not self._log_still_holds(number, restored.manifest.position):
            logger.error("the log does not hold the last record of the newest snapshot")
            self._restorer.refuse(restored.manifest)
            return None
        if self._stores.exists(number):
            self.set_aside(number, "empty")
        self._stores.adopt(number, restored.directory)
        logger.warning("partition %d is restored, as of %d", number, restored.manifest.next_offset)
        return self._rows(self._unlocked(number))

    def _identity(self, shard: Shard) -> Identity:
        return Identity(self._log.topic_id, shard.partition, shard.partitions)

    def _there(self, identity: Identity) -> RowStore | None:
        """The store that is there; one that is not sound is set aside."""
        number = identity.partition
        try:
            store = self._rows(self._unlocked(number))
        except StoreCorrupt as error:
            self.set_aside(number, f"corrupt ({error})")
            return None
        try:
            store.get(PartitionState, PartitionState.key())  # it lies at another end of the store
            why = self._fault(store, identity)
        except (StoreCorrupt, msgspec.DecodeError) as error:
            why = f"corrupt ({error})"
        except BaseException:
            store.close()
            raise
        if why is None:
            return store
        store.close()
        self.set_aside(number, why)
        return None

    def _fault(self, store: RowStore, identity: Identity) -> str | None:
        """Why a store can not be folded on; raises PartitionStopped if another one can neither."""
        position, number = store.position(), identity.partition
        if store.identify(identity) is not None:
            return "foreign"
        if self._restorer is not None and position.next_offset < self._log.bounds(number)[0]:
            return "behind"  # the log was truncated: a snapshot has come further (R16)
        return None if self._log_still_holds(number, position) else "foreign"

    def _new(self, identity: Identity) -> RowStore:
        """A new store in the place of one that was set aside."""
        self._log_still_holds(identity.partition, StorePosition(0))
        store = self._rows(self._unlocked(identity.partition))
        try:
            store.identify(identity)
        except BaseException:
            store.close()
            raise
        return store

    def _unlocked(self, number: int) -> Store:
        """Open the store. Another process has a while to let go of it, and is left what it has; the
        other partitions go on meanwhile (R20)."""
        try:
            store = self._stores.open(number)
        except StoreLocked as error:
            now_s = time.monotonic()
            if now_s - self._locked_s.setdefault(number, now_s) < self._lock_wait_s:
                raise _Locked from error
            del self._locked_s[number]
            raise PartitionStopped(StopCause.LOCKED, str(error)) from error
        self._locked_s.pop(number, None)
        return store

    def _log_still_holds(self, number: int, position: StorePosition) -> bool:
        """Whether the log holds the last record that was folded. False: the store belongs to
        another log.
        """
        begin, end = self._log.bounds(number)
        if position.next_offset == 0:
            if begin > 0:
                message = f"the log begins at {begin}; what came before was never folded here"
                raise PartitionStopped(StopCause.DATA_LOSS, message)
            return True
        if position.next_offset > end:
            message = f"the log ends at {end}, before the store's position {position.next_offset}"
            raise PartitionStopped(StopCause.INTEGRITY, message)
        if position.last_offset < begin:
            if position.next_offset < begin:
                message = (
                    f"the log begins at {begin}, after the store's position {position.next_offset}"
                )
                raise PartitionStopped(StopCause.DATA_LOSS, message)
            return True
        record = self._log.read_at(number, position.last_offset)
        if record is None or record.offset != position.last_offset:
            return False
        return record_hash(record) == position.last_hash

    def _mark(self, number: int, position: StorePosition) -> int:
        """The delivered mark: outputs of records below it are not sent again (R14)."""
        mark = self._log.committed(number)
        note = note_of(mark)
        if mark is None or note is None:
            is_new = mark is None and self._log.bounds(number) == (0, 0)
            if not is_new and not self._adopt_log:
                raise PartitionStopped(StopCause.NO_MARK, _no_mark(mark, position))
            self._log.commit(number, mark_of(self._log.topic_id, position))
            return position.next_offset
        return self._checked(number, mark, note, position)

    def _mark_of_others(self, number: int, position: StorePosition) -> int:
        """The mark of a partition that is not ours; without one nothing is known to be delivered
        beyond what the store has.
        """
        mark = self._log.committed(number)
        note = note_of(mark)
        if mark is None or note is None:
            return position.next_offset
        return self._checked(number, mark, note, position)

    def _checked(self, number: int, mark: Mark, note: MarkNote, position: StorePosition) -> int:
        self._check_note(number, note, position)
        end = self._log.bounds(number)[1]
        if mark.next_offset > end:
            message = f"the log ends at {end}, before the delivered mark {mark.next_offset}"
            raise PartitionStopped(StopCause.INTEGRITY, message)
        return mark.next_offset

    def _check_note(self, number: int, note: MarkNote, position: StorePosition) -> None:
        check_known(note.fold_version)
        if note.topic_id != self._log.topic_id:
            message = f"the mark is of topic {note.topic_id}, the log is {self._log.topic_id}"
            raise PartitionStopped(StopCause.INTEGRITY, message)
        if (note.last_offset, note.last_hash) == (position.last_offset, position.last_hash.hex()):
            return  # of the store it was just seen that the log has it
        if note.last_offset < self._log.bounds(number)[0]:
            return
        record = self._log.read_at(number, note.last_offset)
        if record is None or record_hash(record).hex() != note.last_hash:
            message = f"the log does not hold the record {note.last_offset} that was delivered last"
            raise PartitionStopped(StopCause.INTEGRITY, message)


def note_of(mark: Mark | None) -> MarkNote | None:
    """What was committed beside a mark; None if it was not committed by us."""
    if mark is None:
        return None
    try:
        return msgspec.json.decode(mark.metadata, type=MarkNote)
    except msgspec.DecodeError:
        return None


def _no_mark(mark: Mark | None, position: StorePosition) -> str:
    what = (
        "the log has records, but the group has no mark of what was delivered (Kafka forgets marks"
        " that nobody renews for offsets.retention.minutes, seven days if it is not set)"
    )
    if mark is not None:
        what = f"the group's mark {mark.next_offset} was not committed by us: {mark.metadata!r}"
    return (
        f"{what}; start once with --adopt-log to take the store's position,"
        f" {position.next_offset}, for it"
    )
