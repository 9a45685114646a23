"""A process that restores a partition, or takes a snapshot of it, and may be killed at it.

    python -m tests.crash.restoring restore|snapshot DIRECTORY [FAILPOINT]

It prints the digest and the position of partition 0 as the last line.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.log.embedded import EmbeddedLog
from penstock.processor.failpoints import Failpoints
from penstock.processor.partition import Partition
from penstock.processor.recovery import Opener
from penstock.processor.snapshots.bringing import Place
from penstock.processor.snapshots.directory import DirectoryObjects
from penstock.processor.snapshots.restorer import Restorer
from penstock.processor.snapshots.snapshotter import Schedule, Snapshotter
from penstock.store.rocks import RocksStores

WAIT_S = 30.0


def embedded(directory: Path, topics: Topics) -> EmbeddedLog:
    """The log of the test."""
    return EmbeddedLog(
        directory / "log", commands=topics.commands, partitions=1, on_demand=topics.on_demand
    )


def main(verb: str, directory: Path, armed: str) -> None:
    """See above."""
    topics, failpoints = Topics("test", 1), Failpoints(armed)
    stores = RocksStores(directory / "stores")
    place = Place(DirectoryObjects(directory / "objects"), stores, directory / "staging")
    with closing(embedded(directory, topics)) as log:
        opener = Opener(
            log=log,
            avro=Avro(),
            topics=topics,
            stores=stores,
            lock_wait_s=5.0,
            adopt_log=False,
            restorer=Restorer(place, failpoints),
        )
        deadline = time.monotonic() + WAIT_S
        while (partition := opener.open(0)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if verb == "snapshot":
            _take(partition, place, log.topic_id, failpoints)
        print(partition.view().digest(), partition.next_offset)
        partition.close()


def _take(partition: Partition, place: Place, topic_id: str, failpoints: Failpoints) -> None:
    snapshotter = Snapshotter(
        place=place,
        topic_id=topic_id,
        schedule=Schedule(every_s=0.0),
        failpoints=failpoints,
    )
    deadline = time.monotonic() + WAIT_S
    while True:
        newest = snapshotter.newest.get(0)
        if newest is not None and newest.next_offset == partition.next_offset:
            break
        assert time.monotonic() < deadline
        snapshotter.between_batches({0: partition})
        time.sleep(0.01)
    snapshotter.stop()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), "".join(sys.argv[3:]))
