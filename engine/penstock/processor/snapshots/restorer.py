"""Restoring: the files of the newest good snapshot, brought here in a thread of their own.

Rules
- The fold's thread only asks how far it is: polling and other partitions go on (R20).
- A snapshot that is damaged, or of another build, is passed over for the next older one. A place
  that does not answer is asked again until it does, or the partition goes.
- What was brought before a crash and is sound is not brought again.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from msgspec import Struct

from penstock.processor.failpoints import Failpoints
from penstock.processor.snapshots.bringing import Place, bring, check_copy
from penstock.processor.snapshots.manifest import BadSnapshot, Manifest
from penstock.processor.snapshots.port import ObjectMissing, SnapshotError
from penstock.processor.snapshots.shelf import Shelf
from penstock.store.port import Identity, StoreError

logger = logging.getLogger("penstock.snapshots")
ASK_AGAIN_S: Final = 2.0
THREADS: Final = 2


class Restored(Struct, frozen=True):
    """A snapshot whose files are here, checked. Without one there was none that is good."""

    manifest: Manifest | None = None
    directory: Path | None = None


class Cancelled(Exception):
    """The partition has gone."""


class Restorer:
    """See above. Called from one thread."""

    def __init__(self, place: Place, failpoints: Failpoints | None = None) -> None:
        self._place = place
        self._failpoints = failpoints or Failpoints()
        self._jobs: dict[int, tuple[Future[Restored], threading.Event]] = {}
        self._refused: dict[int, set[int]] = {}
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="penstock-restore")

    def is_at_work(self, partition: int) -> bool:
        """Whether `ask` has begun something for a partition and not given it yet."""
        return partition in self._jobs

    def ask(self, identity: Identity) -> Restored | None:
        """What was restored; None while it is under way. The first time it begins."""
        number = identity.partition
        job = self._jobs.get(number)
        if job is None:
            leave = threading.Event()
            passed_over = frozenset(self._refused.get(number, ()))
            future = self._executor.submit(self._restore, identity, passed_over, leave)
            self._jobs[number] = (future, leave)
            return None
        future, leave = job
        if not future.done():
            return None
        del self._jobs[number]
        return None if leave.is_set() else future.result()

    def refuse(self, manifest: Manifest) -> None:
        """The log does not hold what this one was folded from: pass it over from now on."""
        self._refused.setdefault(manifest.partition, set()).add(manifest.next_offset)

    def leave(self, partition: int) -> None:
        """The partition has gone: stop soon. Its files stay, for the next time."""
        job = self._jobs.get(partition)
        if job is not None:
            job[1].set()

    def stop(self) -> None:
        """Leave all, and wait for it."""
        for number in self._jobs:
            self.leave(number)
        self._executor.shutdown(cancel_futures=True)

    def _restore(
        self, identity: Identity, passed_over: frozenset[int], leave: threading.Event
    ) -> Restored:
        while True:
            try:
                shelf = Shelf(self._place.objects, identity)
                return self._newest(shelf, passed_over, leave)
            except Cancelled:
                return Restored()
            except (SnapshotError, StoreError, OSError) as error:
                logger.warning("partition %d waits: %s", identity.partition, error)
                if leave.wait(ASK_AGAIN_S):
                    return Restored()

    def _newest(
        self, shelf: Shelf, passed_over: frozenset[int], leave: threading.Event
    ) -> Restored:
        def between() -> None:
            if leave.is_set():
                raise Cancelled
            self._failpoints.reach("mid_restore")

        directory = self._place.staging / f"restore-{shelf.identity.partition}"
        for name in shelf.newest_first():
            try:
                manifest = shelf.manifest(name)
                if manifest.next_offset in passed_over:
                    continue
                bring(shelf, manifest, directory, between)
                check_copy(self._place.stores, directory, manifest)
            except (BadSnapshot, ObjectMissing) as error:
                logger.error("the snapshot %s is passed over: %s", name, error)
                continue
            between()
            return Restored(manifest, directory)
        return Restored()
