"""Verification: fold a partition's log in memory, with nothing sent, and compare digests with its
store: from offset 0, and from the newest snapshot on.

It works on a view, so that the store may be live: both are compared at the view's position.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.state.partition_state import NEVER_MS, Shard
from penstock.log.port import EngineLog, Record
from penstock.processor.errors import PartitionStopped
from penstock.processor.partition import Defective, Partition
from penstock.processor.snapshots.bringing import Place, bring, check_copy, remove
from penstock.processor.snapshots.manifest import BadSnapshot
from penstock.processor.snapshots.port import SnapshotError
from penstock.processor.snapshots.shelf import Shelf
from penstock.processor.verdicts import read_rulings
from penstock.store.memory import MemoryStore
from penstock.store.port import AFTER_ALL, Identity
from penstock.store.rowstore import RowStore, RowView

MUTED: Final = NEVER_MS
"""A delivered mark above every offset: no output is even collected."""

RECORDS_PER_BATCH: Final = 500


class Verified(Struct, frozen=True, kw_only=True):
    """What came of one partition. `since` is where the fold began: 0, or a snapshot's position.
    `problem` says why it could not be folded to the store's position.
    """

    partition: int
    next_offset: int
    records: int
    store_digest: str
    fold_digest: str
    equal: bool
    since: int = 0
    problem: str | None = None


class Verifier(Struct, frozen=True):
    """Verifies partitions of one log; with a place of snapshots, those too."""

    log: EngineLog
    avro: Avro
    topics: Topics
    place: Place | None = None

    def verify(self, number: int, view: RowView) -> list[Verified]:
        """Compare the rows of a view with folds up to its position: of the log from offset 0, if
        it has not been truncated, and of what follows the newest snapshot, if there is one.
        """
        begin, _ = self.log.bounds(number)
        end = view.position().next_offset
        found: list[Verified] = []
        base = None
        try:
            base = None if self.place is None else self._newest_snapshot(self.place, number, end)
        except (SnapshotError, BadSnapshot) as error:
            found.append(_not_folded(number, view, f"its snapshots can not be read: {error}"))
        if begin == 0 or base is None:
            found.append(self._compare(number, view, MemoryStore()))
        if base is not None:
            found.append(self._compare(number, view, base))
        return found

    def _compare(self, number: int, view: RowView, base: MemoryStore) -> Verified:
        end = view.position().next_offset
        partition = Partition(
            shard=Shard(number, self.log.partitions),
            store=RowStore(base),
            avro=self.avro,
            mark=MUTED,
            rulings=read_rulings(self.log, self.avro, self.topics, number),
        )
        since, count, problem = partition.next_offset, 0, None
        begin, _ = self.log.bounds(number)
        try:
            for records in self._batches(number, since, end):
                partition.write(partition.fold(records))
                count += len(records)
        except (Defective, PartitionStopped) as error:
            problem = f"the fold stopped: {error}"
        if begin > since:
            problem = f"the log begins at {begin}; name its snapshots with --snapshots"
        elif problem is None and partition.next_offset != end:
            problem = f"the log was folded up to {partition.next_offset}, the store is at {end}"
        of_store, of_fold = view.digest(), partition.store.digest()
        return Verified(
            partition=number,
            next_offset=end,
            records=count,
            store_digest=of_store,
            fold_digest=of_fold,
            equal=problem is None and of_store == of_fold,
            since=since,
            problem=problem,
        )

    def _newest_snapshot(self, place: Place, number: int, end: int) -> MemoryStore | None:
        """The rows of the newest good snapshot that is not further than the store."""
        identity = Identity(self.log.topic_id, number, self.log.partitions)
        shelf = Shelf(place.objects, identity)
        manifest = next((one for one in shelf.good(2) if one.next_offset <= end), None)
        if manifest is None:
            return None
        place.staging.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix=f"verify-{number}-", dir=place.staging))
        try:
            bring(shelf, manifest, directory, lambda: None)
            check_copy(place.stores, directory, manifest, rows=True)
            copy = place.stores.open_copy(directory)
            try:
                rows = MemoryStore()
                rows.write(dict(copy.scan(b"", AFTER_ALL)))
                return rows
            finally:
                copy.close()
        finally:
            remove(directory)

    def _batches(self, number: int, since: int, end: int) -> Iterator[list[Record]]:
        """The partition's records from `since` up to `end`."""
        while since < end:
            read = self.log.read_all(self.topics.commands, number, since, RECORDS_PER_BATCH)
            records = [record for record in read if record.offset < end]
            if not records:
                return
            yield records
            since = records[-1].offset + 1


def _not_folded(number: int, view: RowView, problem: str) -> Verified:
    return Verified(
        partition=number,
        next_offset=view.position().next_offset,
        records=0,
        store_digest=view.digest(),
        fold_digest="",
        equal=False,
        problem=problem,
    )
