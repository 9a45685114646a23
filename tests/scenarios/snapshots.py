"""A driver whose stores have snapshots, and what tests do with them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from penstock.contracts.topics import Topics
from penstock.log.memory import MemoryLog
from penstock.log.port import Truncating
from penstock.processor.processor import Processor
from penstock.processor.recovery import Opener
from penstock.processor.snapshots.bringing import Place
from penstock.processor.snapshots.directory import DirectoryObjects
from penstock.processor.snapshots.manifest import Manifest
from penstock.processor.snapshots.port import Objects
from penstock.processor.snapshots.restorer import Restorer
from penstock.processor.snapshots.snapshotter import Schedule, Snapshotter
from penstock.store.rocks import RocksStores
from tests.controls import chain, event
from tests.scenarios.driver import WAIT_S, Clock, Driver
from tests.scenarios.story import register, run

ALWAYS = Schedule(every_s=0.0, retry_s=0.0)


class SnapshotDriver(Driver):
    """On RocksDB, with a snapshot whenever a partition has moved and the last one is kept."""

    def __init__(
        self,
        directory: Path,
        objects: Objects | None = None,
        *,
        truncates: bool = False,
        **settings: Any,
    ) -> None:
        self.directory = directory
        self.truncates = truncates
        stores = RocksStores(directory / "stores")
        objects = objects or DirectoryObjects(directory / "objects")
        self.place = Place(objects, stores, directory / "staging")
        super().__init__(stores=stores, **settings)

    def _begin(self) -> Processor:
        assert isinstance(self.log, Truncating) or not self.truncates
        self.snapshotter = Snapshotter(
            place=self.place,
            topic_id=self.log.topic_id,
            schedule=ALWAYS,
            truncate=self.log.truncate if self.truncates else None,
        )
        self.restorer = Restorer(self.place)
        processor = Processor(
            log=self.log,
            avro=self.avro,
            topics=self.topics,
            opener=Opener(
                log=self.log,
                avro=self.avro,
                topics=self.topics,
                stores=self.stores,
                lock_wait_s=1.0,
                adopt_log=False,
                restorer=self.restorer,
            ),
            snapshots=self.snapshotter,
        )
        if self.clock is None:
            processor.start()
        else:
            processor.subscribe()
        return processor

    def stop(self) -> None:
        """Stop what runs."""
        self.processor.stop()
        self.restorer.stop()
        self.snapshotter.stop()

    def close(self) -> None:
        self.stop()
        super().close()

    def begin_again(self) -> None:
        """After `stop`: a new process on the same log."""
        self.processor = self._begin()
        self.open()

    def open(self) -> None:
        """Wait until every partition is open, or stopped."""
        self.until(
            lambda: (
                len(self.processor.owned()) + len(self.processor.stopped) == self.topics.partitions
            )
        )

    def until(self, done: Any) -> None:
        """Go on until it says yes."""
        deadline = time.monotonic() + WAIT_S
        while not done():
            assert time.monotonic() < deadline, "it did not come in time"
            if self.clock is not None:
                self.step()
            time.sleep(0.002)

    def snapshots(self) -> dict[int, Manifest]:
        """The newest snapshot of each partition, once they have come as far as the stores."""

        def all_kept() -> bool:
            newest = {n: one.next_offset for n, one in self.snapshotter.newest.items()}
            wanted = {n: self.processor.position(n) for n in range(self.topics.partitions)}
            return not self.snapshotter.is_at_work and all(
                newest.get(number, 0) == position for number, position in wanted.items()
            )

        self.until(all_kept)
        return dict(self.snapshotter.newest)

    def digests(self) -> dict[int, str]:
        """Of all partitions, once they have folded all there is."""
        self.until(self._folded_all)
        return {number: view.digest() for number, view in self._views()}

    def events(self) -> int:
        """How many records of events there are."""
        topic = self.topics.events
        return sum(len(self.log.read_all(topic, n)) for n in range(self.topics.partitions))

    def lose_disk(self) -> None:
        """Stop; what was on this machine is gone."""
        self.stop()
        shutil.rmtree(self.directory / "stores")
        shutil.rmtree(self.directory / "staging", ignore_errors=True)

    def asides(self) -> list[str]:
        """The stores that were set aside."""
        stores = (self.directory / "stores").iterdir()
        return sorted(path.name for path in stores if "." in path.name)


@contextmanager
def snapshot_driver(
    directory: Path, objects: Objects | None = None, *, truncates: bool = False
) -> Iterator[SnapshotDriver]:
    """On the memory log."""
    clock, topics = Clock(), Topics("test", 2)
    log = MemoryLog(
        commands=topics.commands, partitions=2, on_demand=topics.on_demand, clock_ms=clock
    )
    made = SnapshotDriver(
        directory, objects, truncates=truncates, log=log, topics=topics, clock=clock
    )
    with closing(made):
        made.open()
        yield made


def some_runs(driver: Driver, count: int = 6) -> None:
    """Runs that wait, on all partitions."""
    register(driver, "waits", chain(event("go")))
    for _ in range(count):
        run(driver, "waits")
