"""The snapshots that there are of partitions, as they are shown. Whether each is sound is not
looked at: `penstock verify` does.
"""

from __future__ import annotations

from collections.abc import Iterable

from penstock.gateway import render
from penstock.processor.snapshots.manifest import BadSnapshot, Manifest
from penstock.processor.snapshots.port import ObjectMissing, Objects
from penstock.processor.snapshots.shelf import Shelf
from penstock.store.port import Identity


def snapshots_kept(objects: Objects, partitions: Iterable[Identity]) -> list[render.Json]:
    """Partition by partition, newest first. Raises SnapshotError."""
    found: list[render.Json] = []
    for identity in partitions:
        shelf = Shelf(objects, identity)
        for name in shelf.newest_first():
            try:
                found.append(_shown(shelf.manifest(name)))
            except (BadSnapshot, ObjectMissing):  # of another build, or deleted meanwhile
                continue
    return found


def _shown(manifest: Manifest) -> render.Json:
    return {
        "partition": manifest.partition,
        "next_offset": manifest.next_offset,
        "taken_at": render.time_text(manifest.taken_ms),
        "files": len(manifest.files),
        "size_bytes": sum(file.size_bytes for file in manifest.files),
    }
