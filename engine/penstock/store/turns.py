"""Which turns of a partition wrote to which region: an index beside the rows, so that one run can
be folded again without the others.

It lies above META, so it is no part of the rows or their digest; it is written with the batch that
it tells of, and goes with its run. It says from which offset on it is whole: a store that was made
by an older build has nothing on what came before.

    META 't' region offset     what the turn did there, and the clocks as the turn saw them
    META 'turns'               the offset from which on the index is whole
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct as Packing
from struct import pack, unpack_from
from typing import Final, NamedTuple

from penstock.core.state.keys import Scope
from penstock.core.state.partition_state import (
    AnswerExpiry,
    CommandAnswer,
    DeletedRun,
    InChannel,
    LiveRuns,
    OutChannel,
    PartitionState,
)
from penstock.core.state.regions import region_of
from penstock.core.state.run import WfRun
from penstock.core.state.turn import Turn
from penstock.core.state.windows import CountWindow
from penstock.store.port import META, StoreView

WHOLE_FROM_KEY: Final = META + b"turns"
_TURNS: Final = META + b"t"
_HEAD: Final = Packing(">BHQQQH")
_OFFSET: Final = Packing(">Q")
_COMMAND, _CROWDED = 1, 2
_NO_KEY: Final = b"\xff"
_OF_NO_RUN: Final = frozenset(
    {PartitionState, OutChannel, InChannel, CommandAnswer, AnswerExpiry, LiveRuns, CountWindow}
)
"""What nearly every turn writes, and lies in no region: looked at no further."""


class Clocks(NamedTuple):
    """The clocks of a partition in a turn, and the fold version in force."""

    fold_version: int
    append_ms: int
    log_time_ms: int
    awake_ms: int


class TurnThere(NamedTuple):
    """What of a turn wrote to one region: the timers, by their order in the turn, and the command
    or not; and to which others these wrote too. What the timers of a
    crowded turn had to do did not all fit in.
    """

    offset: int
    timers: tuple[int, ...]
    command: bool
    crowded: bool
    clocks: Clocks
    others: tuple[bytes, ...]


class TurnNotes:
    """What the turns of a batch did, to be written with it."""

    def __init__(self) -> None:
        self.found: dict[bytes, bytes] = {}
        self.gone: dict[bytes, int] = {}  # families that were deleted, and at which offset

    def note(self, turn: Turn, fold_version: int) -> None:
        """Note a turn that has just been folded; `fold_version` was in force when it began."""
        if not turn.timer_ends:
            regions = self._regions(turn, 0, None)
            if len(regions) == 1:  # nearly always
                [region] = regions
                at, state = _OFFSET.pack(turn.offset), turn.state
                self.found[_TURNS + region + at] = _HEAD.pack(
                    _COMMAND,
                    fold_version,
                    state.append_ms,
                    state.log_time_ms,
                    state.awake_ms,
                    0,
                )
            if len(regions) < 2:
                return
        start, parts = 0, list[set[bytes]]()
        for end in (*turn.timer_ends, None):
            parts.append(self._regions(turn, start, end))
            start = end or 0
        regions = set[bytes]().union(*parts)
        if not regions:
            return
        state = turn.state
        clocks = fold_version, state.append_ms, state.log_time_ms, state.awake_ms
        at = _OFFSET.pack(turn.offset)
        last = len(parts) - 1
        crowded = _CROWDED if turn.crowded and len(regions) > 1 else 0
        for region in regions:
            flags = _COMMAND if region in parts[last] else 0
            timers, others = tuple[int, ...](), tuple[bytes, ...]()
            if last:
                timers = tuple(number for number in range(last) if region in parts[number])
                flags |= crowded if timers else 0
            if len(regions) > 1:
                together = set[bytes]().union(*(part for part in parts if region in part))
                others = tuple(sorted(together - {region}))
            self.found[_TURNS + region + at] = _packed(flags, clocks, timers, others)

    def turn_of(self, region: bytes) -> TurnThere | None:
        """What the turn did to a region, when it is the only one of its batch."""
        for key, data in self.found.items():
            if key[len(_TURNS) : -_OFFSET.size] == region:
                return _unpacked(_OFFSET.unpack(key[-_OFFSET.size :])[0], data)
        return None

    def changes(self, store: StoreView) -> dict[bytes, bytes | None]:
        """What is to be written: the notes, without those of runs that are gone."""
        changes: dict[bytes, bytes | None] = dict(self.found)
        for region, offset in self.gone.items():
            prefix = _TURNS + region
            for key, _ in store.scan(prefix, prefix + _OFFSET.pack(offset) + b"\x00"):
                changes[key] = None
            for key in self.found:
                if key.startswith(prefix) and key <= prefix + _OFFSET.pack(offset):
                    changes[key] = None
        return changes

    def _regions(self, turn: Turn, start: int, end: int | None) -> set[bytes]:
        """The regions of what a part of a turn has written."""
        regions: set[bytes] = set()
        same_run = _NO_KEY
        for key, kind in turn.rows.written(start, end):
            if kind in _OF_NO_RUN:
                continue
            if key.startswith(same_run) and not (kind is WfRun and turn.rows.is_gone(key)):
                continue
            region = region_of(kind, key)
            if region is None:
                continue
            regions.add(region)
            if kind.SCOPE is Scope.RUN:
                same_run = key[: key.index(b"\x00", key.index(b"\x00") + 1) + 1]
                if kind is WfRun and b"." not in same_run and turn.rows.is_gone(key):
                    self.gone[region] = turn.offset
            elif kind is DeletedRun and turn.rows.is_gone(key):
                self.gone[region] = turn.offset
        return regions


def whole_from(view: StoreView) -> int | None:
    """The offset from which on all turns are noted; None for a store that notes none yet."""
    data = view.get(WHOLE_FROM_KEY)
    return None if data is None else _OFFSET.unpack(data)[0]


def begins_at(offset: int) -> Mapping[bytes, bytes]:
    """What says that all turns from an offset on are noted."""
    return {WHOLE_FROM_KEY: _OFFSET.pack(offset)}


def turns_of(view: StoreView, region: bytes, begin: int = 0) -> Iterator[TurnThere]:
    """The turns that wrote to a region, in order; those from the offset `begin` on."""
    prefix = _TURNS + region
    start = prefix + _OFFSET.pack(begin)
    for key, data in view.scan(start, prefix + b"\xff" * (_OFFSET.size + 1)):
        if len(key) != len(prefix) + _OFFSET.size:
            continue  # another region, whose name begins like this one's
        yield _unpacked(_OFFSET.unpack(key[len(prefix) :])[0], data)


def _packed(
    flags: int,
    clocks: tuple[int, int, int, int],
    timers: tuple[int, ...],
    others: tuple[bytes, ...],
) -> bytes:
    head = _HEAD.pack(flags, *clocks, len(timers))
    if not timers and not others:
        return head
    return (
        head
        + pack(f">{len(timers)}H", *timers)
        + b"".join(len(other).to_bytes(4, "big") + other for other in others)
    )


def _unpacked(offset: int, data: bytes) -> TurnThere:
    flags, fold_version, append_ms, log_time_ms, awake_ms, count = _HEAD.unpack_from(data)
    timers = unpack_from(f">{count}H", data, _HEAD.size)
    at, others = _HEAD.size + 2 * count, list[bytes]()
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        others.append(data[at + 4 : end])
        at = end
    return TurnThere(
        offset,
        timers,
        bool(flags & _COMMAND),
        bool(flags & _CROWDED),
        Clocks(fold_version, append_ms, log_time_ms, awake_ms),
        tuple(others),
    )
