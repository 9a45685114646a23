"""Snapshots in a directory: of another disk, or one that several machines have mounted."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from penstock.processor.snapshots.port import (
    CHUNK_BYTES,
    ObjectMissing,
    SnapshotError,
    checked,
)

UNFINISHED: Final = ".unfinished"
ABANDONED_S: Final = 3_600.0
"""So long nobody takes to write a file: whoever began it was killed, or had no room."""


class DirectoryObjects:
    """See port.py. An object is a file; it is written beside its place and renamed."""

    shared = False  # for all we know it is on this machine's disk

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, name: str, content: Path | bytes) -> None:
        """Write, sync, rename."""
        path = self._directory / checked(name)
        unfinished = path.with_name(path.name + f"-{os.getpid()}{UNFINISHED}")
        with _told(f"{path} can not be written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                for chunk in [content] if isinstance(content, bytes) else _chunks(content):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
            sync_directory(path.parent)
            _delete_abandoned(path)

    def read(self, name: str) -> Iterator[bytes]:
        """The file's bytes."""
        path = self._directory / checked(name)
        with _told(f"{path} can not be read"):
            yield from _chunks(path)

    def sizes(self, folder: str) -> dict[str, int]:
        """The files in a folder and below."""
        top = self._directory / checked(folder)
        found: dict[str, int] = {}
        with _told(f"{top} can not be listed"):
            for path in top.rglob("*"):
                if path.is_file() and not path.name.endswith(UNFINISHED):
                    found[path.relative_to(self._directory).as_posix()] = path.stat().st_size
        return found

    def delete(self, name: str) -> None:
        """Delete the file."""
        path = self._directory / checked(name)
        with _told(f"{path} can not be deleted"):
            path.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """What was renamed into a directory survives a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _delete_abandoned(written: Path) -> None:
    """What was begun beside a file long before it was written, by the clock of its disk."""
    now_s = written.stat().st_mtime
    for path in written.parent.glob(f"*{UNFINISHED}"):
        with suppress(OSError):  # it was finished or deleted meanwhile, or is another user's
            if now_s - path.stat().st_mtime > ABANDONED_S:
                path.unlink()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


@contextmanager
def _told(what: str) -> Generator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectMissing(f"{what}: {error}") from error
    except OSError as error:
        raise SnapshotError(f"{what}: {error}") from error
