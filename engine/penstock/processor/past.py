"""The past of a run: its rows as they were at a position, by folding again in memory, with nothing
sent, what concerns it.

The index of store/turns.py says which turns wrote to the run's region. Of these turns only what
wrote to the region is done again, with the clocks as they were. Whatever such a turn reads or
writes beside lies in other regions: their turns are folded with it, until nothing is missing. Where
that can not be had (a turn that was too full for all that was due, a range over many runs, a store
whose index begins late), the whole log is folded up to there instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, TypeVar

from msgspec import Struct

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.contracts.wire import read_command
from penstock.core.definitions.quotas import Quota
from penstock.core.fold import Input, Only, begin, fold
from penstock.core.ids import root_of
from penstock.core.state.keys import Scope
from penstock.core.state.partition_state import (
    NEVER_MS,
    AnswerExpiry,
    CommandAnswer,
    InChannel,
    PartitionState,
    Shard,
)
from penstock.core.state.regions import (
    Unbounded,
    family_region,
    region_of,
    region_of_keys,
    region_of_range,
)
from penstock.core.state.rows import Row, Rows
from penstock.core.state.run import WfRun
from penstock.log.port import EngineLog, Record
from penstock.processor.partition import Partition
from penstock.processor.past_records import PastRecords, PastUnknown
from penstock.processor.told_rows import ToldRows
from penstock.processor.verdicts import read_rulings
from penstock.processor.verify import MUTED
from penstock.store.memory import MemoryStore
from penstock.store.port import StorePosition
from penstock.store.rowstore import RowStore, RowView
from penstock.store.turns import Clocks, TurnThere

R = TypeVar("R", bound=Row)

Changes = Mapping[bytes, Row | None]

TURNS_MAX: Final = 20_000


class Until(Struct, frozen=True):
    """A moment: the last record that counts, or the last time at which the log took one."""

    offset: int = NEVER_MS
    append_ms: int = NEVER_MS


class Step(Struct, frozen=True):
    """A turn that touched the run (`ours`), or what the run depends on, and the rows behind it, to
    be read at once. `fired` counts the timers that did; the command is None when it did not.
    `changes` are all changes up to here, `definitions` those that this turn wrote, and `ruled` the
    parts of it that a verdict has undone.
    """

    offset: int
    clocks: Clocks
    fired: int
    received: Input | None
    rows: Rows
    changes: Changes
    ours: bool
    definitions: tuple[Row, ...]
    ruled: AbstractSet[str]

    @property
    def append_ms(self) -> int:
        """When the log took the record."""
        return self.clocks.append_ms


class AsOf(Struct, frozen=True):
    """Rows as of a moment. `whole` is why the whole log had to be folded, `turns` how many turns
    were done again, and `offset` the last one that counts. `specs` are the WfSpecs of all runs that
    the family has had, those that are gone included.
    """

    rows: Rows
    changes: Changes
    offset: int
    turns: int
    whole: str | None
    specs: AbstractSet[str]


class _Missing(Exception):
    """What is folded reads what was not folded with it."""

    def __init__(self, region: bytes) -> None:
        super().__init__(region.decode(errors="replace"))
        self.region = region


class _NotApart(Exception):
    """The turns can not be done without the others."""


OnStep = Callable[[Step], None]


@dataclass(slots=True)
class _Turn:
    """What is done again of one turn."""

    clocks: Clocks
    timers: set[int] = field(default_factory=set[int])
    command: bool = False
    ours: TurnThere | None = None


class Past:
    """Tells the past of the runs of one partition; `view` is its store, if there is one."""

    def __init__(
        self,
        *,
        log: EngineLog,
        avro: Avro,
        topics: Topics,
        number: int,
        view: RowView | None,
        whole_max: int | None = None,
    ) -> None:
        self._log = log
        self._avro = avro
        self._topics = topics
        self.shard = Shard(number, log.partitions)
        self._view = view
        self._whole_max = whole_max
        self._records = PastRecords(log, number, bounded=whole_max is not None)
        self._rulings: dict[int, set[str]] | None = None

    def as_of(
        self, tenant: str, wf_run_id: str, until: Until, on_step: OnStep | None = None
    ) -> AsOf:
        """The rows of a run's family as of a moment. `on_step` is shown each turn that was done
        again for it, when all is known to be right; of the whole log, those that touched it or
        wrote definitions.
        """
        region = family_region(tenant, root_of(wf_run_id))
        try:
            return self._apart(region, until, on_step)
        except (_NotApart, Unbounded) as error:
            why = str(error) or "it was touched together with very many runs"
        return self._whole(region, until, on_step, why)

    def newest_ms(self, found: AsOf) -> int:
        """When the log took the newest record that is folded."""
        rows = found.rows if self._view is None else Rows(self._view)
        state = rows.peek(PartitionState)
        return 0 if state is None else state.append_ms

    # From the index.

    def _apart(self, region: bytes, until: Until, on_step: OnStep | None) -> AsOf:
        if self._view is None or self._view.turns_whole_from() != 0:
            raise _NotApart("there is no index of its positions from the log's beginning on")
        end = min(until.offset, self._view.position().next_offset - 1)
        for turn in self._view.turns_of(region):
            if turn.offset <= end and turn.clocks.append_ms > until.append_ms:
                end = turn.offset - 1
                break
        regions: dict[bytes, list[TurnThere]] = {}
        missing = [region]
        while True:
            self._add(regions, missing, end)
            plan = _plan(regions, region)
            try:
                found = self._fold(plan, region, set(regions), None)
                break
            except _Missing as lacking:
                missing = [lacking.region]
        return found if on_step is None else self._fold(plan, region, set(regions), on_step)

    def _add(self, regions: dict[bytes, list[TurnThere]], missing: list[bytes], end: int) -> None:
        """Take regions in, and those that were written together with them."""
        assert self._view is not None, "asked of a store only"
        count = sum(map(len, regions.values()))
        while missing:
            region = missing.pop()
            if region in regions:
                continue
            turns = regions[region] = []
            for turn in self._view.turns_of(region):
                if turn.offset > end:
                    break
                if turn.crowded:
                    raise _NotApart(
                        f"the turn of record {turn.offset} was too full to be told apart"
                    )
                turns.append(turn)
                missing += turn.others
                count += 1
                if count > TURNS_MAX:
                    raise _NotApart(f"more than {TURNS_MAX} turns hang together with it")

    def _fold(
        self, plan: dict[int, _Turn], region: bytes, regions: set[bytes], on_step: OnStep | None
    ) -> AsOf:
        rows, kept, specs = Rows(_Watched(regions)), RowStore(MemoryStore()), set[str]()
        for offset, turn, record in self._planned(plan):
            received = self._received(record)
            set_clocks(rows, turn.clocks)
            if received.origin is not None:
                rows.put(InChannel(received.origin.source, received.origin.previous))
            begun = begin(rows, self.shard, received)
            only = Only(len(turn.timers), command=turn.command)
            fold(begun, received, self._ruled(offset), only)
            if len(begun.timer_ends) != only.timers:
                raise _NotApart(f"the turn of record {offset} can not be done without the others")
            written = _written(rows, regions)
            kept.write(written, StorePosition(offset + 1))
            specs.update(_specs(written, region))
            if on_step is not None:
                ours = turn.ours
                done = turn.command if ours is None else ours.command
                at = offset, turn.clocks, 0 if ours is None else len(ours.timers)
                now = received if done else None, Rows(kept), rows.changes()
                made = _definitions(written), self._ruled(offset)
                on_step(Step(*at, *now, ours is not None, *made))
        last = max((offset for offset, turn in plan.items() if turn.ours), default=-1)
        return AsOf(Rows(ToldRows(kept, self._view)), rows.changes(), last, len(plan), None, specs)

    def _planned(self, plan: dict[int, _Turn]) -> Iterator[tuple[int, _Turn, Record]]:
        """The turns with their records, in order."""
        self._records.keep(set(plan))
        for offset in sorted(plan):
            record = self._records.get(offset)
            if record is None:
                raise PastUnknown(f"the log does not hold record {offset} any more")
            yield offset, plan[offset], record

    def _received(self, record: Record) -> Input:
        return read_command(
            self._avro,
            offset=record.offset,
            append_ms=record.timestamp_ms,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )

    def _ruled(self, offset: int) -> set[str]:
        if self._rulings is None:
            number = self.shard.partition
            self._rulings = read_rulings(self._log, self._avro, self._topics, number)
        return self._rulings.get(offset, set())

    # From the whole log.

    def _whole(self, region: bytes, until: Until, on_step: OnStep | None, why: str) -> AsOf:
        number = self.shard.partition
        first, end = self._log.bounds(number)
        end = min(end, until.offset + 1)
        if first > 0:
            raise PastUnknown(f"{why}; and the log begins at {first}")
        if self._whole_max is not None and end > self._whole_max:
            raise PastUnknown(
                f"{why}; to fold the {end} records before it takes too long here:"
                " `penstock history` does so offline, on the data directory or on Kafka"
            )
        self._ruled(0)
        partition = Partition(
            shard=self.shard,
            store=RowStore(MemoryStore()),
            avro=self._avro,
            mark=MUTED,
            rulings=self._rulings or {},
        )
        last, count, specs = -1, 0, set[str]()
        every = self._whole_max is None
        commands = self._topics.commands
        found = self._log.read_all(commands, number) if every else self._records.each(range(end))
        for record in found:
            if record.offset >= end or record.timestamp_ms > until.append_ms:
                break
            batch = partition.fold([record])
            partition.write(batch)
            count += 1
            turn = batch.notes.turn_of(region)
            if turn is not None:
                last = record.offset
            made = _definitions(batch.rows.changes())
            specs.update(_specs(batch.rows.changes(), region))
            if on_step is not None and (turn is not None or made):
                command = self._received(record) if turn and turn.command else None
                state = partition.state
                clocks = state.fold_version, state.append_ms, state.log_time_ms, state.awake_ms
                at = record.offset, Clocks(*clocks), len(turn.timers) if turn else 0
                now = command, Rows(partition.store), dict[bytes, Row | None]()
                on_step(Step(*at, *now, turn is not None, made, self._ruled(record.offset)))
        return AsOf(Rows(partition.store), {}, last, count, why, specs)


class _Watched:
    """An empty store that says when something is asked of it that lies in a region that is not
    folded.
    """

    def __init__(self, regions: set[bytes]) -> None:
        self._regions = regions

    def get(self, kind: type[R], key: bytes) -> R | None:
        """Nothing is there."""
        self._check(region_of(kind, key))
        return None

    def scan(self, kind: type[R], start: bytes, end: bytes) -> Iterator[tuple[bytes, R]]:
        """Nothing is there."""
        try:
            self._check(region_of_range(kind, start, end))
        except Unbounded as error:
            raise _NotApart(f"one of its turns looked through every {kind.__name__}") from error
        return iter(())

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """Nothing is there."""
        self._check(region_of_keys(start, end))
        return iter(())

    def _check(self, region: bytes | None) -> None:
        if region is not None and region not in self._regions:
            raise _Missing(region)


def _plan(regions: dict[bytes, list[TurnThere]], region: bytes) -> dict[int, _Turn]:
    """What is done again of each turn."""
    plan: dict[int, _Turn] = {}
    for name, turns in regions.items():
        for there in turns:
            turn = plan.setdefault(there.offset, _Turn(there.clocks))
            turn.timers.update(there.timers)
            turn.command |= there.command
            if name == region:
                turn.ours = there
    return plan


def set_clocks(rows: Rows, clocks: Clocks) -> None:
    """Have the partition's own row say what it said in a turn."""
    state = rows.get(PartitionState) or PartitionState()
    state.fold_version, state.append_ms = clocks.fold_version, clocks.append_ms
    state.log_time_ms, state.awake_ms = clocks.log_time_ms, clocks.awake_ms
    state.awake_since_tick_ms, state.oldest_answer_ms = 0, NEVER_MS
    rows.put(state)


def _written(rows: Rows, regions: set[bytes]) -> dict[bytes, Row | None]:
    """What a turn has written, of these regions alone; raises _Missing if it did so elsewhere.
    How many runs are live stands in no region: where that decides, no part can do without the rest.
    """
    changes, found = rows.changes(), dict[bytes, Row | None]()
    for key, kind in rows.written(0):
        region = region_of(kind, key)
        if region is not None and region not in regions:
            raise _Missing(region)
        row = changes[key]
        if isinstance(row, Quota) and row.live_runs is not None:
            raise _NotApart("its tenant had a quota of live runs")
        if kind is CommandAnswer or kind is AnswerExpiry:  # remembered by the whole fold only
            rows.delete_key(kind, key)
        found[key] = changes[key]
    return found


def _definitions(written: Changes) -> tuple[Row, ...]:
    found = (row for row in written.values() if row is not None)
    return tuple(row for row in found if row.SCOPE is Scope.DEFINITION)


def _specs(written: Changes, region: bytes) -> Iterator[str]:
    """Of the runs of a family that were written."""
    for key, row in written.items():
        if isinstance(row, WfRun) and region_of(WfRun, key) == region:
            yield row.wf_spec
