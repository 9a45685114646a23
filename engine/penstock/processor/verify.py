"""Verification: fold a partition's log into a store that is thrown away, with nothing sent, and
compare digests with its own: from offset 0, and from the newest snapshot on.

It works on a view, so that the store may be live: both are compared at the view's position. What is
folded goes to the disk, since a partition has more rows than a process has memory for.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.state.partition_state import NEVER_MS, Shard
from penstock.log.port import EngineLog, Record
from penstock.processor.errors import PartitionStopped
from penstock.processor.partition import Defective, Partition
from penstock.processor.snapshots.bringing import Place, bring, check_copy
from penstock.processor.snapshots.manifest import BadSnapshot
from penstock.processor.snapshots.port import SnapshotError
from penstock.processor.snapshots.shelf import Shelf
from penstock.processor.verdicts import read_rulings
from penstock.store.port import Identity, StoreError
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore, RowView

MUTED: Final = NEVER_MS
"""A delivered mark above every offset: no output is even collected."""

RECORDS_PER_BATCH: Final = 500
STORE: Final = "verify-"
"""What the directories of such stores begin with."""


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
    """Verifies partitions of one log; with a place of snapshots, those too. `staging` is where
    there is room for stores; left out, it is the system's place for what is temporary.
    """

    log: EngineLog
    avro: Avro
    topics: Topics
    place: Place | None = None
    staging: Path | None = None

    def verify(self, number: int, view: RowView) -> list[Verified]:
        """Compare the rows of a view with folds up to its position: of the log from offset 0, if
        it has not been truncated, and of what follows the newest snapshot, if there is one.
        """
        found: list[Verified] = []
        if self.log.bounds(number)[0] == 0:
            found.append(self._from_the_beginning(number, view))
        try:
            found += self._from_snapshot(number, view)
        except (SnapshotError, BadSnapshot, StoreError, OSError) as error:
            found.append(_not_folded(number, view, f"its snapshots can not be read: {error}"))
        return found or [self._from_the_beginning(number, view)]

    def _from_the_beginning(self, number: int, view: RowView) -> Verified:
        try:
            with self._room(number) as directory:
                return self._compare(number, view, directory)
        except (StoreError, OSError) as error:
            return _not_folded(number, view, f"there is nowhere to fold it to: {error}")

    def _from_snapshot(self, number: int, view: RowView) -> Iterator[Verified]:
        """From the newest good one that is not further than the store, if there is any."""
        if self.place is None:
            return
        end = view.position().next_offset
        shelf = Shelf(self.place.objects, Identity(self.log.topic_id, number, self.log.partitions))
        manifest = next((one for one in shelf.good(2) if one.next_offset <= end), None)
        if manifest is None:
            return
        with self._room(number) as directory:
            copy = directory / "copy"
            bring(shelf, manifest, copy, lambda: None)
            check_copy(self.place.stores, copy, manifest, rows=True)
            RocksStores(directory).adopt(number, copy)
            yield self._compare(number, view, directory)

    @contextmanager
    def _room(self, number: int) -> Generator[Path]:
        """A directory that is gone afterwards."""
        if self.staging is not None:
            self.staging.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f"{STORE}{number}-", dir=self.staging) as name:
            yield Path(name)

    def _compare(self, number: int, view: RowView, directory: Path) -> Verified:
        """With what is there, folded on."""
        with closing(RowStore(RocksStores(directory).open(number))) as store:
            return self._folded_on(number, view, store)

    def _folded_on(self, number: int, view: RowView, store: RowStore) -> Verified:
        end = view.position().next_offset
        partition = Partition(
            shard=Shard(number, self.log.partitions),
            store=store,
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
        except (Defective, PartitionStopped, StoreError) as error:
            problem = f"the fold stopped: {error}"
        if begin > since:
            problem = f"the log begins at {begin}; name its snapshots with --snapshots"
        elif problem is None and partition.next_offset != end:
            problem = f"the log was folded up to {partition.next_offset}, the store is at {end}"
        of_store, of_fold = view.digest(), store.digest()
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


def forget_verifications(staging: Path) -> None:
    """Delete what one that was killed has left."""
    for directory in staging.glob(f"{STORE}*"):
        shutil.rmtree(directory, ignore_errors=True)
