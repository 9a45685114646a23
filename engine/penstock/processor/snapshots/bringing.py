"""Bringing a snapshot's files to this machine, and looking whether they are what it says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec import Struct

from penstock.processor.snapshots.directory import sync_directory
from penstock.processor.snapshots.manifest import BadSnapshot, Manifest, SnapshotFile
from penstock.processor.snapshots.port import CHUNK_BYTES, Objects
from penstock.processor.snapshots.shelf import Shelf
from penstock.store.port import StoreCorrupt, Stores
from penstock.store.rowstore import RowStore

UNFINISHED: Final = ".part"


class Place(Struct, frozen=True):
    """Where snapshots are kept; the stores that they are of; and a directory for what is on its
    way, on the same disk as the stores.
    """

    objects: Objects
    stores: Stores
    staging: Path


def bring(shelf: Shelf, manifest: Manifest, directory: Path, between: Callable[[], None]) -> None:
    """Have exactly a snapshot's files in a directory; what is there already and sound is not
    brought again. `between` is called between two files, and may raise to end it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    wanted = {file.name for file in manifest.files}
    for path in directory.iterdir():
        if path.name not in wanted:
            path.unlink()
    for file in manifest.files:
        path = directory / file.name
        if not path.exists() or hash_of(path) != file.sha256:
            _fetch(shelf, file, path)
        between()
    sync_directory(directory)


def check_copy(stores: Stores, directory: Path, manifest: Manifest, *, rows: bool = False) -> None:
    """Raise BadSnapshot unless the files, whose hashes are right, are the store that the manifest
    says; with `rows`, which takes longer, also down to each of its rows.
    """
    try:
        store = RowStore(stores.open_copy(directory))
        try:
            found = (store.identity(), store.position())
            digest = store.digest() if rows else manifest.rows_digest
        finally:
            store.close()
    except StoreCorrupt as error:
        raise BadSnapshot(f"its files can not be opened: {error}") from error
    if (*found, digest) != (manifest.identity, manifest.position, manifest.rows_digest):
        raise BadSnapshot("its rows are not what its manifest says")


def remove(directory: Path) -> None:
    """Delete a directory that we have made."""
    shutil.rmtree(directory, ignore_errors=True)


def hash_of(path: Path, between: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file; `between` is called with each chunk, and may raise to end it."""
    digest = sha256()
    for chunk in _chunks(path):
        between()
        digest.update(chunk)
    return digest.hexdigest()


def _fetch(shelf: Shelf, file: SnapshotFile, path: Path) -> None:
    unfinished = path.with_name(path.name + UNFINISHED)
    digest = sha256()
    with unfinished.open("wb") as out:
        for chunk in shelf.objects.read(shelf.data_name(file)):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != file.sha256:
        unfinished.unlink()
        raise BadSnapshot(f"{file.name} is damaged")
    unfinished.rename(path)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
