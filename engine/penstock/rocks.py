"""What both users of RocksDB, the store and the embedded log, have to know about it.

RocksDB spins for ever when it opens a database whose write-ahead log ends in garbage that happens
to look like a frame of a recycled log (facebook/rocksdb#13333, seen with RocksDB 10 in every
recovery mode). A torn end may hold anything, so such frames are defused before it opens: they get
the type of a plain frame, whose checksum is then wrong, which RocksDB handles as the damage it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROCKS_ERRORS: Final = (Exception,)  # rocksdict raises no type of its own
_BLOCK_BYTES: Final = 32 * 1024
_FRAME: Final = struct.Struct("<IHB")  # checksum, length, type
_TYPE_AT: Final = 6
_PLAIN: Final = 1
_RECYCLED: Final = frozenset((5, 6, 7, 8, 11))


def defuse_logs(directory: Path) -> None:
    """Make a database's write-ahead logs safe to open; whole frames are never touched."""
    for path in sorted(directory.glob("*.log")):
        with path.open("r+b") as file:
            for position in _frames_that_hang(file.read()):
                file.seek(position + _TYPE_AT)
                file.write(bytes((_PLAIN,)))


def _frames_that_hang(log: bytes) -> Iterator[int]:
    """Where frames of recycled logs stand in a log that is not a recycled one."""
    size = len(log)
    if size < _FRAME.size or log[_TYPE_AT] in _RECYCLED:
        return
    position = 0
    while position + _FRAME.size <= size:
        block_end = position - position % _BLOCK_BYTES + _BLOCK_BYTES
        _, length, kind = _FRAME.unpack_from(log, position)
        following = position + _FRAME.size + length
        if kind in _RECYCLED:
            yield position
            following = block_end  # RocksDB drops the rest of a block with a bad frame
        elif (kind == 0 and length == 0) or following > block_end - _FRAME.size:
            following = block_end  # the rest is padding, or this is no frame
        position = following
