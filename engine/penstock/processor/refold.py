"""Folds a recording again, in memory, with nothing but what it has."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import TypeVar

from penstock.core.fold import Folded, Only, begin, fold
from penstock.core.limits import TIMERS_PER_TURN_MAX
from penstock.core.state.keys import Scope
from penstock.core.state.partition_state import InChannel, PartitionState, Shard
from penstock.core.state.rows import Row, Rows
from penstock.processor.past import set_clocks
from penstock.processor.recording import Recording, Turned, input_of
from penstock.store.memory import MemoryStore
from penstock.store.port import StorePosition
from penstock.store.rowstore import RowStore

R = TypeVar("R", bound=Row)


class Refold:
    """A world in which there is this family of runs alone. `rows` are as of the last turn."""

    def __init__(self, recording: Recording) -> None:
        self._tenant = recording.tenant
        self._shard = Shard(recording.partition, recording.partitions)
        self._world = _World()
        self._coming = sorted(recording.definitions, key=lambda one: one.since)
        self.rows = Rows(self._world)

    @property
    def read(self) -> set[bytes]:
        """The keys of the definitions that were looked at."""
        return self._world.read

    @property
    def state(self) -> PartitionState:
        """The clocks, and what is due."""
        return self.rows.peek(PartitionState) or PartitionState()

    def fold(self, turned: Turned) -> Folded:
        """Do a turn; all that is due by its clocks fires."""
        while self._coming and self._coming[0].since <= turned.offset:
            self._world.define(self._coming.pop(0).row)
        received = input_of(turned, self._tenant)
        rows = Rows(self._world)
        set_clocks(rows, turned.clocks)
        if received.origin is not None:
            rows.put(InChannel(received.origin.source, received.origin.previous))
        turn = begin(rows, self._shard, received)
        only = Only(TIMERS_PER_TURN_MAX, command=turned.command is not None)
        folded = fold(turn, received, frozenset(turned.ruled), only)
        self._world.kept.write(rows.changes(), StorePosition(turned.offset + 1))
        self.rows = Rows(self._world)
        return folded


def refolded(recording: Recording) -> Refold:
    """All of it, folded."""
    made = Refold(recording)
    for turned in recording.turns:
        made.fold(turned)
    return made


class _World:
    """What is there: definitions, of which it notes which were read, and what was folded."""

    def __init__(self) -> None:
        self.kept = RowStore(MemoryStore())
        self.read = set[bytes]()
        self._definitions: dict[bytes, Row] = {}
        self.keys = self.kept.keys

    def define(self, row: Row) -> None:
        """Have a definition from now on."""
        self._definitions[row.own_key()] = row

    def get(self, kind: type[R], key: bytes) -> R | None:
        """The row with this key."""
        row = self.kept.get(kind, key)
        if row is not None or kind.SCOPE is not Scope.DEFINITION:
            return row
        found = self._definitions.get(key)
        if found is None:
            return None
        assert isinstance(found, kind), "a key says of which kind its row is"
        self.read.add(key)
        return found

    def scan(self, kind: type[R], start: bytes, end: bytes) -> Iterator[tuple[bytes, R]]:
        """Rows with start <= key < end, in order; definitions are those that were there before."""
        if kind.SCOPE is not Scope.DEFINITION:
            yield from self.kept.scan(kind, start, end)
            return
        keys = sorted(self._definitions)
        for key in keys[bisect_left(keys, start) : bisect_left(keys, end)]:
            row = self.get(kind, key)
            if row is not None:
                yield key, row
