"""Snapshots: how long one takes from the checkpoint to its manifest, and how long it takes to have
it back and checked, a GB. A partition of the largest grown store, on this disk.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from penstock.contracts.avro import Avro
from penstock.core.state.partition_state import Shard
from penstock.processor.partition import Partition
from penstock.processor.snapshots.bringing import Place
from penstock.processor.snapshots.directory import DirectoryObjects
from penstock.processor.snapshots.manifest import Manifest
from penstock.processor.snapshots.restorer import Restorer
from penstock.processor.snapshots.snapshotter import Schedule, Snapshotter
from penstock.store.port import Identity, StorePosition
from penstock.store.rocks import RocksStores
from penstock.store.rowstore import RowStore
from tests.bench.figures import Figures
from tests.bench.grown import adopt, grown
from tests.bench.plan import Plan
from tests.bench.process import BenchError, in_child, within

CHILD_S: Final = 600.0
TAKE_S: Final = 300.0
LOOK_S: Final = 0.01
KEY: Final = "snapshot_s_per_gb"
GB: Final = 1e9


def measure_snapshots(figures: Figures, partitions: int, plan: Plan) -> None:
    """As often as the rebuild."""
    kept = grown(plan.grown[-1][1], partitions)
    for _ in range(plan.rebuild_repetitions):
        try:
            size_gb, taken_s, restored_s = in_child(
                run_snapshot, kept, partitions, timeout_s=CHILD_S
            )
        except BenchError as error:
            figures.fail(KEY, error)
            return
        figures.add("snapshot_gb", "GB", size_gb)
        figures.add(KEY, "s/GB", taken_s / size_gb)
        figures.add("restore_s_per_gb", "s/GB", restored_s / size_gb)


def run_snapshot(kept: Path, partitions: int) -> tuple[float, float, float]:
    """GB, and the seconds there and back."""
    identity = Identity("grown", 0, partitions)
    with ExitStack() as closing:
        data = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="penstock-bench-")))
        adopt(kept, data / "stores", identity, StorePosition(1, 0, b"a record"))
        place = Place(
            DirectoryObjects(data / "objects"),
            RocksStores(data / "stores", partitions),
            data / "staging",
        )
        begun_s = time.monotonic()
        manifest = _take(place, identity)
        taken_s = time.monotonic() - begun_s
        begun_s = time.monotonic()
        _restore(place, identity)
        restored_s = time.monotonic() - begun_s
    return sum(file.size_bytes for file in manifest.files) / GB, taken_s, restored_s


def _take(place: Place, identity: Identity) -> Manifest:
    snapshotter = Snapshotter(
        place=place, topic_id=identity.topic_id, schedule=Schedule(every_s=0.0)
    )
    number = identity.partition
    store = RowStore(place.stores.open(number))
    shard = Shard(number, identity.partitions)
    partition = Partition(shard=shard, store=store, avro=Avro(), mark=0, rulings={})
    check = within(TAKE_S, "a snapshot")
    try:
        while number not in snapshotter.newest:
            check()
            snapshotter.between_batches({number: partition})
            time.sleep(LOOK_S)
        return snapshotter.newest[number]
    finally:
        snapshotter.stop()
        partition.close()


def _restore(place: Place, identity: Identity) -> None:
    restorer = Restorer(place)
    check = within(TAKE_S, "a restore")
    try:
        while (restored := restorer.ask(identity)) is None:
            check()
            time.sleep(LOOK_S)
        if restored.directory is None:
            raise BenchError("there is no good snapshot")
    finally:
        restorer.stop()
