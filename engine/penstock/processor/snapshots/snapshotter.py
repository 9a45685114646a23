"""Taking snapshots: a checkpoint between two batches, and the rest in a thread of its own.

    fold's thread    a RocksDB checkpoint at a known position: hard links, and one flush
    own thread       hashes and the rows' digest, the files brought to the objects and read back,
                     the manifest, older snapshots deleted, the log truncated if that is asked for

One partition at a time. What fails is told and tried again; it stops no partition.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from msgspec import Struct

from penstock.log.port import LogError
from penstock.processor.failpoints import FailpointHit, Failpoints
from penstock.processor.partition import Partition
from penstock.processor.snapshots.bringing import Place, hash_of, remove
from penstock.processor.snapshots.manifest import BadSnapshot, Manifest, SnapshotFile
from penstock.processor.snapshots.port import SnapshotError
from penstock.processor.snapshots.shelf import Shelf
from penstock.store.port import Identity, StoreError
from penstock.store.rowstore import RowStore

logger = logging.getLogger("penstock.snapshots")
KEEP_MIN: Final = 2
RETRY_S: Final = 30.0
NOT_DATA: Final = ("LOG", "LOCK")  # RocksDB's own notes; the copy is opened without them
FAILURES: Final = (SnapshotError, BadSnapshot, StoreError, LogError, FailpointHit, OSError)

Truncate = Callable[[int, int], None]


class Schedule(Struct, frozen=True, kw_only=True):
    """When a partition's next snapshot is due: by time, or by how many offsets it has moved."""

    every_s: float
    every_records: int | None = None
    keep: int = KEEP_MIN
    retry_s: float = RETRY_S


class _Course:
    """What is known of one partition's snapshots."""

    def __init__(self, shelf: Shelf, now_s: float) -> None:
        self.shelf = shelf
        self.newest: Manifest | None = None
        self.taken_s = now_s  # of the newest, or since when there is none
        self.not_before_s = 0.0
        self.problem: str | None = None  # why the newest try came to nothing
        self.hashes: dict[tuple[int, int, int], str] = {}  # inode, size, mtime
        self.is_wanted = False

    @property
    def next_offset(self) -> int:
        return 0 if self.newest is None else self.newest.next_offset


class Snapshotter:
    """See above. `between_batches` is for the fold's thread, the ages for any."""

    def __init__(
        self,
        *,
        place: Place,
        topic_id: str,
        schedule: Schedule,
        failpoints: Failpoints | None = None,
        truncate: Truncate | None = None,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        assert schedule.keep >= KEEP_MIN, "one may turn out to be damaged"
        self.place = place
        self._topic_id = topic_id
        self._schedule = schedule
        self._failpoints = failpoints or Failpoints()
        self._truncate = truncate
        self._wall_ms = wall_ms
        self.failures = 0
        self._courses: dict[int, _Course] = {}
        self._job: Future[None] | None = None
        self._stopping = threading.Event()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="penstock-snapshots")

    @property
    def ages_s(self) -> dict[int, float | None]:
        """How old the newest snapshot of each partition that is open here is; None: there is
        none.
        """
        now_ms = self._wall_ms()
        return {
            number: None if course.newest is None else max(now_ms - course.newest.taken_ms, 0) / 1e3
            for number, course in list(self._courses.items())
        }

    @property
    def newest(self) -> dict[int, Manifest]:
        """The newest snapshot of each partition that is open here."""
        courses = list(self._courses.items())
        return {number: one.newest for number, one in courses if one.newest is not None}

    @property
    def problems(self) -> dict[int, str]:
        """Why partitions that are open here have had no snapshot when one was tried last."""
        courses = list(self._courses.items())
        return {number: one.problem for number, one in courses if one.problem is not None}

    def want(self) -> None:
        """Take one of every partition that is open here and has moved, as soon as may be. From any
        thread.
        """
        for course in list(self._courses.values()):
            course.is_wanted = True

    @property
    def is_at_work(self) -> bool:
        """Whether a snapshot is being brought away now."""
        return self._job is not None and not self._job.done()

    def between_batches(self, partitions: Mapping[int, Partition]) -> None:
        """Begin what is due. No batch is under way, so each store stands for its position."""
        if self.is_at_work:
            return
        self._end_job()
        for number in [number for number in self._courses if number not in partitions]:
            del self._courses[number]
        for number in sorted(partitions, key=self._taken_s):  # so that each has its turn
            partition, course = partitions[number], self._courses.get(number)
            if course is None:
                identity = Identity(self._topic_id, number, partition.shard.partitions)
                shelf = Shelf(self.place.objects, identity, self._go_on)
                course = _Course(shelf, time.monotonic())
                self._courses[number] = course
                self._job = self._executor.submit(self._look, course)
                return
            if self._is_due(course, partition):
                self._begin(course, partition)
                return

    def stop(self) -> None:
        """Leave what is under way: without a manifest it was no snapshot."""
        self._stopping.set()
        self._executor.shutdown(cancel_futures=True)

    def _taken_s(self, number: int) -> float:
        course = self._courses.get(number)
        return -math.inf if course is None else course.taken_s

    def _is_due(self, course: _Course, partition: Partition) -> bool:
        now_s, moved = time.monotonic(), partition.next_offset - course.next_offset
        if moved <= 0:
            course.is_wanted = False  # it would be the one that is there
            return False
        if course.is_wanted:
            return True
        if now_s < course.not_before_s:
            return False
        every_records = self._schedule.every_records
        return now_s - course.taken_s >= self._schedule.every_s or (
            every_records is not None and moved >= every_records
        )

    def _begin(self, course: _Course, partition: Partition) -> None:
        directory = self.place.staging / f"snapshot-{partition.shard.partition}"
        remove(directory)
        course.is_wanted = False
        course.not_before_s = time.monotonic() + self._schedule.retry_s  # unless it goes well
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            partition.store.checkpoint(directory)
        except (StoreError, OSError) as error:
            self._failed(course, error)
            return
        taken_s, taken_ms = time.monotonic(), self._wall_ms()
        self._job = self._executor.submit(
            self._keep, course, directory, partition.state.fold_version, taken_s, taken_ms
        )

    def _end_job(self) -> None:
        """A defect of ours here is told, and costs a snapshot."""
        job, self._job = self._job, None
        error = None if job is None or job.cancelled() else job.exception()
        if error is not None:
            self.failures += 1
            logger.critical("taking a snapshot failed: %r", error, exc_info=error)

    # In the thread of the snapshots.

    def _look(self, course: _Course) -> None:
        """What was there before this process."""
        try:
            for name in course.shelf.newest_first():
                try:
                    found = course.shelf.manifest(name)
                except BadSnapshot as error:
                    logger.warning("the snapshot %s does not count: %s", name, error)
                    continue
                age_s = max(self._wall_ms() - found.taken_ms, 0) / 1e3
                course.newest, course.taken_s = found, time.monotonic() - age_s
                return
        except FAILURES as error:
            self._failed(course, error)

    def _keep(
        self, course: _Course, directory: Path, fold_version: int, taken_s: float, taken_ms: int
    ) -> None:
        number = course.shelf.identity.partition
        try:
            manifest = self._described(course, directory, fold_version, taken_ms)
            course.shelf.add(directory, manifest, self._brought)
            course.newest, course.taken_s, course.not_before_s = manifest, taken_s, 0.0
            course.problem = None
            kept = course.shelf.clean(self._schedule.keep)
            if self._truncate is not None and len(kept) >= KEEP_MIN:
                self._truncate(number, kept[-1].next_offset)
        except FAILURES as error:
            self._failed(course, error)
        finally:
            remove(directory)

    def _failed(self, course: _Course, error: Exception) -> None:
        """Told to whoever reads the log, the metrics, or what doctor says."""
        self.failures += 1
        course.problem = str(error)
        number = course.shelf.identity.partition
        logger.warning("the snapshot of partition %d failed: %s", number, error)

    def _described(
        self, course: _Course, directory: Path, fold_version: int, taken_ms: int
    ) -> Manifest:
        """The checkpoint's manifest; it is opened and its rows are read."""
        files = tuple(
            SnapshotFile(path.name, path.stat().st_size, self._hash(path, course.hashes))
            for path in sorted(directory.iterdir())
            if not path.name.startswith(NOT_DATA)
        )
        store = RowStore(self.place.stores.open_copy(directory))
        try:
            position, digest = store.position(), store.digest(self._go_on)
        finally:
            store.close()
        identity = course.shelf.identity
        return Manifest(
            topic_id=identity.topic_id,
            partition=identity.partition,
            partitions=identity.partitions,
            fold_version=fold_version,
            next_offset=position.next_offset,
            last_offset=position.last_offset,
            last_hash=position.last_hash.hex(),
            rows_digest=digest,
            taken_ms=taken_ms,
            files=files,
        )

    def _brought(self) -> None:
        self._failpoints.reach("mid_snapshot")
        self._go_on()

    def _go_on(self) -> None:
        """Asked between pieces that take no time: a stop waits for the one at hand."""
        if self._stopping.is_set():
            raise SnapshotError("the server is stopping")

    def _hash(self, path: Path, known: dict[tuple[int, int, int], str]) -> str:
        """SHA-256 of a file; one that is a link to a file seen before is not read again."""
        stat = path.stat()
        key = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if key not in known:
            known[key] = hash_of(path, self._go_on)
        return known[key]
