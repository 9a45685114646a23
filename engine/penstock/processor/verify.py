"""Verification: fold a partition's log from offset 0 in memory, with nothing sent, and compare
digests with its store.

It works on a view, so that the store may be live: both are compared at the view's position.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.state.partition_state import NEVER_MS, Shard
from penstock.log.port import EngineLog, Record
from penstock.processor.errors import PartitionStopped
from penstock.processor.partition import Defective, Partition
from penstock.processor.recovery import read_rulings
from penstock.store.memory import MemoryStore
from penstock.store.rowstore import RowStore, RowView

MUTED: Final = NEVER_MS
"""A delivered mark above every offset: no output is even collected."""

RECORDS_PER_BATCH: Final = 500


class Verified(Struct, frozen=True, kw_only=True):
    """What came of one partition. `problem` says why it could not be folded to the store's
    position.
    """

    partition: int
    next_offset: int
    records: int
    store_digest: str
    fold_digest: str
    equal: bool
    problem: str | None = None


def verify_view(
    *, log: EngineLog, avro: Avro, topics: Topics, number: int, view: RowView
) -> Verified:
    """Compare the rows of a view with a fold of the log up to the view's position."""
    end = view.position().next_offset
    partition = Partition(
        shard=Shard(number, log.partitions),
        store=RowStore(MemoryStore()),
        avro=avro,
        mark=MUTED,
        rulings=read_rulings(log, avro, topics, number),
    )
    count, problem = 0, None
    try:
        for records in _batches(log, topics, number, end):
            partition.write(partition.fold(records))
            count += len(records)
    except (Defective, PartitionStopped) as error:
        problem = f"the fold stopped: {error}"
    if problem is None and partition.next_offset != end:
        problem = f"the log could be folded up to {partition.next_offset}, the store is at {end}"
    of_store, of_fold = view.digest(), partition.store.digest()
    return Verified(
        partition=number,
        next_offset=end,
        records=count,
        store_digest=of_store,
        fold_digest=of_fold,
        equal=problem is None and of_store == of_fold,
        problem=problem,
    )


def _batches(log: EngineLog, topics: Topics, number: int, end: int) -> Iterator[list[Record]]:
    """The partition's records below `end`."""
    records = [record for record in log.read_all(topics.commands, number) if record.offset < end]
    for start in range(0, len(records), RECORDS_PER_BATCH):
        yield records[start : start + RECORDS_PER_BATCH]
