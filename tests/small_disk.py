"""A small disk of its own, for what is to run out of room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from penstock.processor.disk import MIB, Disk


@contextmanager
def small_disk(directory: Path, size_mib: int) -> Iterator[Path]:
    """A directory that has so much; the test is skipped where mounting is not allowed."""
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(directory)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a disk of its own needs the right to mount: {done.stderr.strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(directory: Path, leave_mib: float = 0.0) -> Path:
    """Take what is free but for so much; the file to delete for room."""
    filler, left = directory / "filler", int(leave_mib * MIB)
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while (free := Disk(directory).free_bytes() - left) > 0:
            file.write(b"\0" * min(free, MIB))
    return filler
