"""The snapshots of one partition, among the objects.

    <topic id>/<partition>/manifests/<next_offset>.json    a snapshot, written last
    <topic id>/<partition>/data/<sha256>                   a file of one snapshot or of several

Rules
- A file lies under the hash of its bytes, so a snapshot brings only the files that are new since
  the one before: those of RocksDB never change.
- Nothing counts before it was read back: a hash is in `_sound` once its object had these bytes.
- The newest good ones are kept. A file that no snapshot names is deleted when it was found like
  that twice: one that is being brought here has no manifest yet.
- One thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from penstock.processor.snapshots.manifest import (
    BadSnapshot,
    Manifest,
    SnapshotFile,
    check_fits,
    decode_manifest,
)
from penstock.processor.snapshots.port import ObjectMissing, Objects, SnapshotError
from penstock.store.port import Identity

MANIFEST_BYTES_MAX: Final = 64 * 1024 * 1024


class Shelf:
    """See above."""

    def __init__(
        self,
        objects: Objects,
        identity: Identity,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """`between` is called with each chunk of a file that is read, and may raise to end it."""
        self._between = between
        self.objects = objects
        self.identity = identity
        root = f"{identity.topic_id}/{identity.partition}"
        self._manifests = f"{root}/manifests"
        self._data = f"{root}/data"
        self._sound: set[str] = set()
        self._unnamed: set[str] = set()

    def newest_first(self) -> list[str]:
        """The names of all manifests."""
        return sorted(self.objects.sizes(self._manifests), reverse=True)

    def manifest(self, name: str) -> Manifest:
        """A manifest that fits this partition and this build; raises BadSnapshot."""
        found = decode_manifest(self._bytes(name))
        if name != self._name(found.next_offset):
            raise BadSnapshot(f"it says that it is of {found.next_offset}")
        check_fits(found, self.identity)
        return found

    def data_name(self, file: SnapshotFile) -> str:
        """Under which name a file's bytes lie."""
        return f"{self._data}/{file.sha256}"

    def add(self, directory: Path, manifest: Manifest, brought: Callable[[], None]) -> None:
        """Bring a checkpoint here; it is a snapshot when this returns. `brought` is called after
        each file.
        """
        there = self.objects.sizes(self._data)
        for file in manifest.files:
            name = self.data_name(file)
            if there.get(name) != file.size_bytes or not self._is_sound(file):
                self.objects.put(name, directory / file.name)
                if not self._is_sound(file):
                    raise SnapshotError(f"{name} does not read as it was written")
            brought()
        name, data = self._name(manifest.next_offset), manifest.encoded()
        self.objects.put(name, data)
        if self._bytes(name) != data or not self._has_all(manifest):
            self.objects.delete(name)
            raise SnapshotError(f"{name} does not read as it was written, or lacks files")

    def good(self, count: int) -> list[Manifest]:
        """The newest good ones, as many as there are: each was read back in whole."""
        found: list[Manifest] = []
        for name in self.newest_first():
            if len(found) == count:
                break
            try:
                manifest = self.manifest(name)
            except (BadSnapshot, ObjectMissing):
                continue
            if self._has_all(manifest) and all(map(self._is_sound, manifest.files)):
                found.append(manifest)
        return found

    def clean(self, keep: int) -> list[Manifest]:
        """Delete what is older than the newest good ones; which those are."""
        kept = self.good(keep)
        if len(kept) < keep:
            return kept
        oldest = self._name(kept[-1].next_offset)
        for name in self.newest_first():
            if name < oldest:
                self.objects.delete(name)
        try:
            named = self._named()
        except (BadSnapshot, ObjectMissing):
            return kept  # whose files are not known
        unnamed = set(self.objects.sizes(self._data)) - named
        for name in unnamed & self._unnamed:
            self.objects.delete(name)
            self._sound.discard(name.rpartition("/")[2])
        self._unnamed = unnamed - self._unnamed
        return kept

    def _named(self) -> set[str]:
        """The files that are of any snapshot, be it good or of another build."""
        manifests = [decode_manifest(self._bytes(name)) for name in self.newest_first()]
        return {self.data_name(file) for one in manifests for file in one.files}

    def _has_all(self, manifest: Manifest) -> bool:
        there = self.objects.sizes(self._data)
        return all(there.get(self.data_name(one)) == one.size_bytes for one in manifest.files)

    def _is_sound(self, file: SnapshotFile) -> bool:
        """Whether the object has the file's bytes; it is read once."""
        if file.sha256 not in self._sound:
            digest = sha256()
            for chunk in self.objects.read(self.data_name(file)):
                self._between()
                digest.update(chunk)
            if digest.hexdigest() != file.sha256:
                return False
            self._sound.add(file.sha256)
        return True

    def _bytes(self, name: str) -> bytes:
        data = bytearray()
        for chunk in self.objects.read(name):
            data += chunk
            if len(data) > MANIFEST_BYTES_MAX:
                raise BadSnapshot(f"its manifest has more than {MANIFEST_BYTES_MAX} bytes")
        return bytes(data)

    def _name(self, next_offset: int) -> str:
        return f"{self._manifests}/{next_offset:020d}.json"
