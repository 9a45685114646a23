"""Where snapshots are kept: named objects, each put as a whole or not at all.

Two kinds, directory.py and s3.py, pass one contract suite, tests/contract/test_objects.py. A name
is made of plain words with `/` between them. Any thread may call; nothing is held open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

CHUNK_BYTES: Final = 4 * 1024 * 1024
_WORD: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")


class SnapshotError(Exception):
    """The place of the snapshots does not answer, or refuses; it is tried again later."""


class ObjectMissing(SnapshotError):
    """There is no object of this name."""


class Objects(Protocol):
    """Named objects."""

    @property
    def shared(self) -> bool:
        """Whether this place is known to outlive the machine."""
        ...

    def put(self, name: str, content: Path | bytes) -> None:
        """Put a file or bytes under a name; what was there is replaced. It lasts when this
        returns.
        """
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """The bytes of an object, a chunk at a time. Raises ObjectMissing."""
        ...

    def sizes(self, folder: str) -> dict[str, int]:
        """The names in a folder and below, and how many bytes each has."""
        ...

    def delete(self, name: str) -> None:
        """Take an object away; one that is not there is no error."""
        ...


def is_word(text: str) -> bool:
    """Whether a text may be a part of a name, or the name of a file: it leads nowhere else."""
    return _WORD.fullmatch(text) is not None


def checked(name: str) -> str:
    """The name, which has to be one."""
    assert all(map(is_word, name.split("/"))), f"{name!r} is no name of an object"
    return name
