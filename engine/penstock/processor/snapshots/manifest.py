"""What a snapshot says of itself: what it belongs to, how far it has come, and its files.

The manifest is written last: files without one are no snapshot.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from penstock.core.limits import FOLD_VERSION
from penstock.processor.snapshots.port import is_word
from penstock.store.port import FORMAT, Identity, StorePosition

VERSION: Final = 1


class BadSnapshot(Exception):
    """This snapshot can not be restored from, here or at all; an older one may be."""


class SnapshotFile(Struct, frozen=True):
    """One file of a checkpoint; its bytes lie under their hash."""

    name: str
    size_bytes: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """One snapshot. `taken_ms` is for people and for the age: nothing is decided by it."""

    topic_id: str
    partition: int
    partitions: int
    fold_version: int
    next_offset: int
    last_offset: int
    last_hash: str
    rows_digest: str
    taken_ms: int
    files: tuple[SnapshotFile, ...]
    format: int = FORMAT
    version: int = VERSION

    @property
    def identity(self) -> Identity:
        """What its store belongs to."""
        return Identity(self.topic_id, self.partition, self.partitions, self.format)

    @property
    def position(self) -> StorePosition:
        """How far its rows have come."""
        return StorePosition(self.next_offset, self.last_offset, bytes.fromhex(self.last_hash))

    def encoded(self) -> bytes:
        """Its bytes."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)


def decode_manifest(data: bytes) -> Manifest:
    """A manifest from its bytes; raises BadSnapshot."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
        bytes.fromhex(manifest.last_hash)
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise BadSnapshot(f"its manifest can not be read: {error}") from error
    for file in manifest.files:
        if not is_word(file.name) or not is_word(file.sha256):
            raise BadSnapshot(f"its manifest names a file {file.name!r}")
    return manifest


def check_fits(manifest: Manifest, identity: Identity) -> None:
    """Raise BadSnapshot if a snapshot is of another partition, cluster or build."""
    if manifest.version > VERSION or manifest.format != FORMAT:
        raise BadSnapshot("it is of another build: its format is not known here")
    if manifest.fold_version > FOLD_VERSION:
        raise BadSnapshot(
            f"it is of a newer build: fold version {manifest.fold_version}, not {FOLD_VERSION}"
        )
    if manifest.identity != identity:
        raise BadSnapshot(f"it belongs to {manifest.identity}, not to {identity}")
