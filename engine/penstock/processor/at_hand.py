"""What the fold has at hand, for whoever comes after a process that ended at it (R6).

A record at which the process ends again and again (it takes all memory, or hits a fault of a
library that is written in C) leaves nothing behind that Python could catch. So the fold says before
each part which one it is, in a file that is mapped into memory: a store for a record, two for a
timer, and pages outlive the process. Who opens the partition next finds there whether the one
before ended within the fold, and counts how often it was at the same part. From ENDS_MAX on the
fold does not begin that part any more, and calls it a defect, which is ruled on like any other.

A process that is killed from outside has as good as never the same part at hand three times in a
row. What lacks memory may: so a record at which a process has ended is folded alone from then on.
A count is of one machine: what others know of it is the verdict (docs/proposals/0011).
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from mmap import mmap
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

from penstock.core.state.turn import COMMAND_PART

ENDS_MAX: Final = 3
MAGIC: Final = b"at-hand1"
FILE_BYTES: Final = 8_192
PART_BYTES_MAX: Final = 4_000
NOTHING: Final = -1

_AT_HAND: Final = Struct("<qH")  # an offset, and how long the name of the part behind it is
_AT_HAND_AT: Final = len(MAGIC)
_ENDED: Final = Struct("<qIH")  # as that, and how often the process has ended there
_ENDED_AT: Final = FILE_BYTES // 2
_note = _AT_HAND.pack_into

logger = logging.getLogger("penstock.processor")


class Ended(NamedTuple):
    """Where a process has ended, and how often one after the other did."""

    offset: int = NOTHING
    part: str = ""
    times: int = 0


class KeepsEnding(Exception):
    """A part is not begun, since process after process has ended at it."""


class AtHand:
    """Of one partition. Without a file nothing is known of the process before, and nothing left for
    the next one.

    `ended` is what the process before left; it stays as it is for this one, whatever the file says
    for the next.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._map = _mapped(file)
        self._offset = NOTHING
        self.ended = self._count()

    def begin(self, offset: int) -> None:
        """A record is folded: its command, until `at_work` says something else."""
        self._offset = offset
        _note(self._map, _AT_HAND_AT, offset, 0)

    def at_work(self, part: str) -> None:
        """A part of it is. One whose name has no room is not noticed."""
        name = part.encode()
        if len(name) > PART_BYTES_MAX:
            self.done()
            return
        at = _AT_HAND_AT + _AT_HAND.size
        self._map[at : at + len(name)] = name
        _note(self._map, _AT_HAND_AT, self._offset, len(name))

    def done(self) -> None:
        """Nothing is at hand."""
        _note(self._map, _AT_HAND_AT, NOTHING, 0)

    def check(self, ruled: Collection[str]) -> None:
        """Raises KeepsEnding if the part that `ended` names is not to be begun again. One that was
        ruled on is folded in another way, so it gets as many tries once more. The next process,
        which somebody may start with a build that is mended, tries it once.
        """
        ended = self.ended
        times_max = 2 * ENDS_MAX if ended.part in ruled else ENDS_MAX
        if ended.times >= times_max:
            self._keep(ended._replace(times=times_max - 1))
            raise KeepsEnding(f"{ended.times} processes have ended here, one after the other")

    def written(self, next_offset: int) -> None:
        """All below is kept. What was folded well after all has its ends forgotten."""
        if NOTHING < self.ended.offset < next_offset:
            self.ended = Ended()
            self._keep(self.ended)

    def _count(self) -> Ended:
        """How often it has been now, since nobody has opened the file since."""
        offset, length = _AT_HAND.unpack_from(self._map, _AT_HAND_AT)
        known_at, times, known_length = _ENDED.unpack_from(self._map, _ENDED_AT)
        known = Ended(known_at, self._name(_ENDED_AT + _ENDED.size, known_length), times)
        if offset == NOTHING:
            return known
        part = self._name(_AT_HAND_AT + _AT_HAND.size, length) or COMMAND_PART
        is_same = (offset, part) == (known.offset, known.part)
        ended = Ended(offset, part, known.times + 1 if is_same else 1)
        logger.warning("the process before this one ended in the fold: %s", ended)
        self._keep(ended)
        self.done()
        return ended

    def _keep(self, ended: Ended) -> None:
        name = ended.part.encode()
        self._map[_ENDED_AT + _ENDED.size : _ENDED_AT + _ENDED.size + len(name)] = name
        _ENDED.pack_into(self._map, _ENDED_AT, ended.offset, ended.times, len(name))

    def _name(self, at: int, length: int) -> str:
        return self._map[at : at + min(length, PART_BYTES_MAX)].decode(errors="replace")


def _mapped(file: Path | None) -> mmap:
    """The file in memory. Its bytes are written once, not left out: a page that there is no room
    for would end the process when it is stored to.
    """
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if not _is_whole(file):
                file.write_bytes(_blank())
            with file.open("r+b") as opened:
                return mmap(opened.fileno(), FILE_BYTES)
        except (OSError, ValueError) as error:  # ValueError: somebody has cut it just now
            logger.warning("%s: %s; a record that ends the process is not noticed", file, error)
    mapped = mmap(-1, FILE_BYTES)
    mapped[:] = _blank()
    return mapped


def _is_whole(file: Path) -> bool:
    try:
        there = file.read_bytes()
    except FileNotFoundError:
        return False
    return len(there) == FILE_BYTES and there.startswith(MAGIC)


def _blank() -> bytes:
    blank = bytearray(FILE_BYTES)
    blank[: len(MAGIC)] = MAGIC
    _note(blank, _AT_HAND_AT, NOTHING, 0)
    _ENDED.pack_into(blank, _ENDED_AT, NOTHING, 0, 0)
    return bytes(blank)
