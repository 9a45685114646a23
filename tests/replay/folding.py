"""Folds a log that was kept in a file. Also a program, so that a test can fold in another process:

python tests/replay/folding.py FILE BATCH     prints a digest a partition
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.core.state.partition_state import Shard
from penstock.log.port import Record
from penstock.processor.partition import Partition
from penstock.store.memory import MemoryStore
from penstock.store.rowstore import RowStore


class KeptLog(Struct):
    """The records of `commands`, by partition, and the verdicts on them."""

    partitions: list[list[Record]]
    rulings: list[dict[int, set[str]]]


def read_log(path: Path) -> KeptLog:
    """A log from its file."""
    return msgspec.msgpack.decode(path.read_bytes(), type=KeptLog)


def digests(log: KeptLog, batch: int) -> list[str]:
    """Of a fold of each partition, in batches of this size."""
    return [_digest(log, number, batch) for number in range(len(log.partitions))]


def _digest(log: KeptLog, number: int, batch: int) -> str:
    records = log.partitions[number]
    partition = Partition(
        shard=Shard(number, len(log.partitions)),
        store=RowStore(MemoryStore()),
        avro=Avro(),
        mark=len(records),
        rulings=log.rulings[number],
    )
    for start in range(0, len(records), batch):
        partition.write(partition.fold(records[start : start + batch]))
    return partition.view().digest()


if __name__ == "__main__":
    for digest in digests(read_log(Path(sys.argv[1])), int(sys.argv[2])):
        print(digest)
