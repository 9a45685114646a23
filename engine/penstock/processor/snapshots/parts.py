"""What a server has of snapshots, made from what it was told: a directory, or s3://bucket/prefix."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from penstock.log.port import EngineLog, Truncating
from penstock.processor.directory import CannotStart
from penstock.processor.failpoints import Failpoints
from penstock.processor.snapshots.bringing import Place
from penstock.processor.snapshots.directory import DirectoryObjects
from penstock.processor.snapshots.port import Objects, SnapshotError
from penstock.processor.snapshots.restorer import Restorer
from penstock.processor.snapshots.snapshotter import Schedule, Snapshotter, Truncate
from penstock.store.port import Stores

S3: Final = "s3://"


class SnapshotParts(Struct, frozen=True):
    """Both are None without a place for snapshots."""

    snapshotter: Snapshotter | None = None
    restorer: Restorer | None = None


def open_place(where: str, stores: Stores, staging: Path) -> Place:
    """The place of that name; raises CannotStart if it can not be one."""
    return Place(open_objects(where), stores, staging)


@contextmanager
def snapshot_parts(
    place: Place | None,
    *,
    log: EngineLog,
    schedule: Schedule,
    truncate_log: bool,
    failpoints: Failpoints,
) -> Generator[SnapshotParts]:
    """Who takes snapshots and who restores them; closed when it is left."""
    truncate = _truncate(log, place) if truncate_log else None
    if place is None:
        yield SnapshotParts()
        return
    snapshotter = Snapshotter(
        place=place,
        topic_id=log.topic_id,
        schedule=schedule,
        failpoints=failpoints,
        truncate=truncate,
    )
    restorer = Restorer(place, failpoints)
    try:
        yield SnapshotParts(snapshotter, restorer)
    finally:
        restorer.stop()
        snapshotter.stop()


def open_objects(where: str) -> Objects:
    """What is kept at the place of that name; raises CannotStart if it can not be one."""
    if not where.startswith(S3):
        if "://" in where:
            raise CannotStart(f"{where} is no place for snapshots: name a directory or {S3}...")
        return DirectoryObjects(Path(where))
    from penstock.processor.snapshots.s3 import S3Objects

    try:
        return S3Objects(where)
    except SnapshotError as error:
        raise CannotStart(str(error)) from error


def _truncate(log: EngineLog, place: Place | None) -> Truncate:
    """How the log is truncated; raises CannotStart where it must not be, or can not (R16)."""
    if place is None or not place.objects.shared:
        raise CannotStart(
            "--truncate-log is for snapshots in shared storage: name it with"
            " --snapshots s3://bucket/prefix, or leave --truncate-log away"
        )
    if not isinstance(log, Truncating):
        raise CannotStart(
            "the embedded log can not be truncated; leave --truncate-log away, or use Kafka"
        )
    return log.truncate
