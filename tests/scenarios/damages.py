"""What can be wrong with the newest snapshot of a partition, done to its files by its manifest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from penstock.processor.snapshots.manifest import Manifest


def _garbage(manifest: Path) -> None:
    manifest.write_bytes(b"{garbage")


def newer_build(manifest: Path) -> None:
    """It is of a build that is not out yet."""
    found = msgspec.json.decode(manifest.read_bytes())
    manifest.write_bytes(msgspec.json.encode({**found, "fold_version": 99}))


def _other_format(manifest: Path) -> None:
    found = msgspec.json.decode(manifest.read_bytes())
    manifest.write_bytes(msgspec.json.encode({**found, "format": 99}))


def _foreign(manifest: Path) -> None:
    found = msgspec.json.decode(manifest.read_bytes())
    manifest.write_bytes(msgspec.json.encode({**found, "topic_id": "other"}))


def _escaping(manifest: Path) -> None:
    found = msgspec.json.decode(manifest.read_bytes())
    found["files"][0]["name"] = "../escaped"
    manifest.write_bytes(msgspec.json.encode(found))


def _other_rows(manifest: Path) -> None:
    found = msgspec.json.decode(manifest.read_bytes())
    manifest.write_bytes(msgspec.json.encode({**found, "rows_digest": "00"}))


def _own_sst(manifest: Path) -> Path:
    """A file that this snapshot has and the one before has not."""
    older = sorted(manifest.parent.iterdir())[-2]
    ours, theirs = (
        {one.sha256 for one in msgspec.json.decode(path.read_bytes(), type=Manifest).files}
        for path in (manifest, older)
    )
    data = manifest.parent.parent / "data"
    return max((data / name for name in ours - theirs), key=lambda path: path.stat().st_size)


def truncated(manifest: Path) -> None:
    """A file of it is a byte short."""
    path = _own_sst(manifest)
    path.write_bytes(path.read_bytes()[:-1])


def flipped(manifest: Path) -> None:
    """A byte of a file of it is another."""
    path = _own_sst(manifest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def _missing(manifest: Path) -> None:
    _own_sst(manifest).unlink()


DAMAGES: Final[tuple[Callable[[Path], None], ...]] = (
    _garbage,
    newer_build,
    _other_format,
    _foreign,
    _escaping,
    _other_rows,
    truncated,
    flipped,
    _missing,
)
