"""Keys in order, in blocks: one more costs the same, however many there are."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Final

BLOCK_KEYS_MAX: Final = 1_024
KEYS_PER_SLICE: Final = 64


class KeyBlocks:
    """Keys, each once. No block is empty, but for the only one."""

    def __init__(self) -> None:
        self._blocks: list[list[bytes]] = [[]]
        self._firsts: list[bytes] = [b""]
        """From where on a key belongs to a block; the first block has all that come before."""

    def add(self, key: bytes) -> None:
        """A key that is not there yet."""
        at = bisect_right(self._firsts, key) - 1
        block = self._blocks[at]
        insort(block, key)
        if len(block) > BLOCK_KEYS_MAX:
            half = block[BLOCK_KEYS_MAX // 2 :]
            del block[BLOCK_KEYS_MAX // 2 :]
            self._blocks.insert(at + 1, half)
            self._firsts.insert(at + 1, half[0])

    def remove(self, key: bytes) -> None:
        """A key that is there."""
        at = bisect_right(self._firsts, key) - 1
        block = self._blocks[at]
        del block[bisect_left(block, key)]
        if not block and at:
            del self._blocks[at], self._firsts[at]

    def between(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """The keys from start up to, not including, end. They are taken in small slices: most
        readers want the first few of very many, and keys may be added and removed meanwhile.
        """
        while start < end:
            at = bisect_right(self._firsts, start) - 1
            block = self._blocks[at]
            first = bisect_left(block, start)
            chunk = block[first : first + KEYS_PER_SLICE]
            for key in chunk:
                if key >= end:
                    return
                yield key
            if chunk:
                start = chunk[-1] + b"\x00"
            elif at + 1 < len(self._blocks):
                start = self._firsts[at + 1]
            else:
                return

    def copy(self) -> KeyBlocks:
        """The same keys, which do not change with these."""
        other = KeyBlocks()
        other._blocks = [block.copy() for block in self._blocks]
        other._firsts = self._firsts.copy()
        return other
