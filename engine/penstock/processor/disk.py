"""The disk under a data directory: how much room there is, and what the stores take of it (R17).

A process that runs out of room in the middle of a write has outputs delivered and rows not kept. So
there is a reserve, looked at before anything is produced: below it a server folds nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

FREE_BYTES_MIN: Final = 256 * 1024 * 1024
MIB: Final = 1024 * 1024


class Disk:
    """A data directory's disk. Any thread may ask."""

    def __init__(self, directory: Path, free_bytes_min: int = FREE_BYTES_MIN) -> None:
        self.directory = directory
        self._free_bytes_min = free_bytes_min

    def free_bytes(self) -> int:
        """What an ordinary user may still write."""
        found = os.statvfs(self.directory)
        return found.f_bavail * found.f_frsize

    def problem(self) -> str | None:
        """Why nothing may be folded now; None if there is room."""
        try:
            free = self.free_bytes()
        except OSError as error:
            return f"{self.directory} can not be looked at: {error.strerror}"
        if free >= self._free_bytes_min:
            return None
        return (
            f"{self.directory} has {free // MIB} MiB left, {self._free_bytes_min // MIB} MiB are"
            " kept free; make room, and it goes on by itself"
        )

    def lacking_for(self, more_bytes: int) -> str | None:
        """Why so much more may not be written, so that the fold would have to stop for it."""
        try:
            left = self.free_bytes() - self._free_bytes_min
        except OSError as error:
            return f"{self.directory} can not be looked at: {error.strerror}"
        if left > more_bytes:
            return None
        return (
            f"it takes {more_bytes // MIB} MiB, and {self.directory} has {max(left, 0) // MIB} left"
        )

    def unwritable(self) -> str | None:
        """Why nothing can be written to the directory; None if a file could be."""
        probe = self.directory / ".writable"
        try:
            probe.write_bytes(b"penstock")
            probe.unlink()
        except OSError as error:
            return f"{self.directory} can not be written to: {error.strerror}"
        return None

    def store_bytes(self, number: int) -> int:
        """How large a partition's store is on disk."""
        total = 0
        for path in (self.directory / "stores" / f"partition-{number}").glob("*"):
            with suppress(OSError):  # files come and go while they are counted
                total += path.stat().st_size
        return total
