"""One partition: its store, the verdicts on it, and the fold of a batch of its records.

`fold` only computes; the processor delivers what it gives and then has `write` keep it (I3). A
store or log error is never a defect of the fold; a defect is `Defective`, for the owner to rule on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from penstock.contracts.avro import Avro
from penstock.contracts.wire import COMMAND_ID, read_command
from penstock.core.commands.tick import Tick
from penstock.core.errors import Outdated
from penstock.core.fold import Folded, Input, begin, fold
from penstock.core.state.partition_state import PartitionState, Shard
from penstock.core.state.rows import Rows
from penstock.log.port import LogError, Position, Record
from penstock.observe.tally import ACCEPTED, DROPPED, REPEATED, UNREADABLE, Outcome
from penstock.observe.tracing import TRACEPARENT
from penstock.processor.answers import Answered, Key
from penstock.processor.at_hand import AtHand, KeepsEnding
from penstock.processor.delivery import TurnOutputs
from penstock.store.port import StoreError, StorePosition
from penstock.store.rowstore import RowStore, RowView
from penstock.store.turns import TurnNotes

logger = logging.getLogger("penstock.processor")


class Defective(Exception):
    """The fold of a record hit a defect of ours; `part` was at work (R6)."""

    def __init__(self, offset: int, part: str, error: Exception) -> None:
        super().__init__(f"record {offset}, {part}: {type(error).__name__}: {error}")
        self.offset = offset
        self.part = part


@dataclass(slots=True)
class Batch:
    """What folding some records came to: nothing of it is kept or sent yet."""

    rows: Rows
    position: StorePosition
    outputs: list[TurnOutputs] = field(default_factory=list)
    answers: list[tuple[Key, Answered]] = field(default_factory=list)
    notes: TurnNotes = field(default_factory=TurnNotes)
    ticked_ms: int | None = None  # when the log took the last Tick
    records: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=dict[Outcome, int])
    late: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    fold_s: float = 0.0
    traced: list[tuple[bytes, Outcome]] = field(default_factory=list[tuple[bytes, Outcome]])


class Partition:
    """A partition that this process owns and has opened."""

    def __init__(
        self,
        *,
        shard: Shard,
        store: RowStore,
        avro: Avro,
        mark: int,
        rulings: dict[int, set[str]],
        at_hand: AtHand | None = None,
    ) -> None:
        self.shard = shard
        self.store = store
        self.position = store.position()
        self.mark = mark
        self.committed_offset = -1
        self.rulings = rulings
        self.state = self._state()
        self._avro = avro
        self._at_hand = at_hand or AtHand()

    @property
    def next_offset(self) -> int:
        """What to fold next."""
        return self.position.next_offset

    @property
    def alone_offset(self) -> int:
        """Which record is to be folded in a batch of its own, as a process has ended at it."""
        return self._at_hand.ended.offset

    @property
    def is_behind_mark(self) -> bool:
        """Whether more was delivered, by an owner before this one, than is folded here."""
        return self.next_offset < self.mark

    @property
    def uncommitted(self) -> bool:
        """Whether the group's mark is behind."""
        return self.committed_offset != self.next_offset and not self.is_behind_mark

    def fold(self, records: Sequence[Record]) -> Batch:
        """Fold records, the first of which is at or after `next_offset`."""
        batch = Batch(Rows(self.store), self.position, records=len(records))
        begun_s = time.perf_counter()
        try:
            self._fold_all(batch, records)
        except (Defective, Outdated, StoreError, LogError):
            self._at_hand.done()
            raise  # of all else the process ends, and what was at hand stays noted
        self._at_hand.done()
        if records:
            last = records[-1]
            batch.position = StorePosition(last.offset + 1, last.offset, record_hash(last))
        batch.fold_s = time.perf_counter() - begun_s
        return batch

    def _fold_all(self, batch: Batch, records: Sequence[Record]) -> None:
        outcomes = batch.outcomes
        for record in records:
            self._begin(record.offset)
            assert record.offset >= batch.position.next_offset, "records come in order, once"
            received = self._received(record)
            folded = self._fold_one(batch, received)
            if isinstance(received.command, Tick):
                batch.ticked_ms = record.timestamp_ms
            if record.offset >= self.mark and folded.turn.outputs:
                version = folded.turn.state.fold_version
                batch.outputs.append(TurnOutputs(record, folded.turn.outputs, version))
            if folded.turn.late:
                batch.late += folded.turn.late
            outcome = _outcome(received, folded)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            if TRACEPARENT in record.headers:
                batch.traced.append((record.headers[TRACEPARENT], outcome))
            self._note_answer(batch, record, folded)
            batch.position = StorePosition(record.offset + 1, record.offset)

    def write(self, batch: Batch) -> None:
        """Keep a batch whose outputs have been delivered."""
        self.store.write_notes(batch.rows.changes(), batch.position, batch.notes)
        self.position = batch.position
        self.mark = max(self.mark, batch.position.next_offset)
        self._at_hand.written(batch.position.next_offset)
        self.state = self._state()

    def reopened(self, store: RowStore) -> None:
        """Its store was opened anew, after a write that failed: it stands where it stood, or has
        the batch.
        """
        self.store = store

    def view(self) -> RowView:
        """Rows as they are now, for queries."""
        return self.store.view()

    def close(self) -> None:
        """Let go of the store; what it has is there at the next open. A disk that is full takes
        nothing more: what is missing then is folded again.
        """
        for let_go in (self.store.sync, self.store.close):  # its lock goes, whatever is missing
            try:
                let_go()
            except StoreError as error:
                logger.warning("closing the store of partition %d: %s", self.shard.partition, error)

    def _received(self, record: Record) -> Input:
        return read_command(
            self._avro,
            offset=record.offset,
            append_ms=record.timestamp_ms,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )

    def _begin(self, offset: int) -> None:
        """Say that a record is at hand, unless process after process has ended at it."""
        ended = self._at_hand.ended
        if offset == ended.offset:
            try:
                self._at_hand.check(self.rulings.get(offset, ()))
            except KeepsEnding as error:
                raise Defective(offset, ended.part, error) from error
        self._at_hand.begin(offset)

    def _fold_one(self, batch: Batch, received: Input) -> Folded:
        rows = batch.rows
        turn = begin(rows, self.shard, received)
        turn.watch = self._at_hand.at_work
        fold_version = turn.state.fold_version
        try:
            folded = fold(turn, received, self.rulings.get(received.offset, frozenset()))
        except (Outdated, StoreError, LogError, MemoryError):
            raise
        except Exception as error:  # any other is a defect of the fold: ruled on, not swallowed
            rows.rollback(0)
            raise Defective(received.offset, turn.part, error) from error
        batch.notes.note(turn, fold_version)
        return folded

    def _note_answer(self, batch: Batch, record: Record, folded: Folded) -> None:
        command_id = record.headers.get(COMMAND_ID)
        if command_id is None or folded.answer is None:
            return
        key = (folded.turn.tenant, command_id.decode(errors="replace"))
        position = Position(record.partition, record.offset)
        batch.answers.append((key, Answered(folded.answer, position)))

    def _state(self) -> PartitionState:
        key = PartitionState.key()
        return self.store.get(PartitionState, key) or PartitionState()


def in_batches(
    records: Sequence[Record], partitions: Mapping[int, Partition]
) -> Iterator[dict[int, list[Record]]]:
    """Records of a poll, each partition's in order, as they are to be folded: at once, but for one
    at which a process has ended. What it needs is not put to the account of others, nor theirs to
    its own.
    """
    alone = {
        number: one.alone_offset for number, one in partitions.items() if one.alone_offset >= 0
    }
    together: dict[int, list[Record]] = {}
    for record in records:
        if alone and record.offset == alone.get(record.partition):
            yield together
            yield {record.partition: [record]}
            together = {}
        else:
            together.setdefault(record.partition, []).append(record)
    yield together


def _outcome(received: Input, folded: Folded) -> Outcome:
    """What is counted of a record: its command, and accepted, repeated, dropped or a code."""
    command, answer = received.command, folded.answer
    name = UNREADABLE if command is None else type(command).__name__
    if answer is None:
        return name, DROPPED
    return name, answer.code or (REPEATED if answer.repeated else ACCEPTED)


def record_hash(record: Record) -> bytes:
    """Our hash of a record: tells whether the log still holds what was folded (R13)."""
    digest = blake2b(digest_size=16)
    digest.update(record.timestamp_ms.to_bytes(8, "big"))
    for part in (record.key, record.value):
        digest.update(b"-" if part is None else b"+%d:" % len(part) + part)
    for name, data in sorted(record.headers.items()):
        digest.update(f"{len(name)}:{name}{len(data)}:".encode() + data)
    return digest.digest()
