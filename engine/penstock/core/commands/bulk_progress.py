"""BulkProgress: a partition tells partition 0 what it has come to with a bulk job since it last
told.
"""

from __future__ import annotations

from penstock.core.bulk.jobs import note_end_of_part, note_progress
from penstock.core.bulk.rows import BulkCounts, BulkCursor, BulkPart, BulkRefusal, BulkState
from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.state.migration_rows import UndecidedMigration
from penstock.core.state.timers import Clock, clock_ms
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class BulkProgress(Command, frozen=True):
    """What is to be added; whether the partition is through, and why, if it could not go on."""

    bulk_id: str
    looked: int = 0
    matched: int = 0
    done: int = 0
    refused: dict[str, int] = {}
    refusals: tuple[BulkRefusal, ...] = ()
    through: bool = False
    failure: str = ""


def handle(turn: Turn, command: BulkProgress) -> Value:
    """Add it."""
    state = turn.rows.get(BulkState, turn.tenant, command.bulk_id)
    if state is None:
        return None
    counts = BulkCounts(command.looked, command.matched, command.done, command.refused)
    note_progress(turn, state, counts, command.refusals)
    if command.through:
        note_end_of_part(turn, state, command.failure)
    return None


def tell_progress(
    turn: Turn, cursor: BulkCursor, *, through: bool = False, failure: str = ""
) -> None:
    """Tell what has come about since the last time."""
    counts = cursor.counts
    command = BulkProgress(
        bulk_id=cursor.bulk_id,
        looked=counts.looked,
        matched=counts.matched,
        done=counts.done,
        refused=counts.refused,
        refusals=cursor.refusals,
        through=through,
        failure=failure,
    )
    turn.send(DECIDING_PARTITION, command)
    cursor.refusals_told += len(cursor.refusals)
    cursor.counts, cursor.refusals = BulkCounts(), ()
    cursor.reported_ms = clock_ms(turn, Clock.PENDING)


def end_part(turn: Turn, cursor: BulkCursor, failure: str = "") -> None:
    """The partition is through with the job; what is not decided yet goes on uncounted."""
    tell_progress(turn, cursor, through=True, failure=failure)
    part = turn.rows.peek(BulkPart, turn.tenant, cursor.bulk_id)
    waits = list(turn.rows.scan(UndecidedMigration, turn.tenant, cursor.bulk_id))
    for row in (part, cursor, *waits):
        if row is not None:
            turn.rows.delete(row)


COMMAND = CommandType(
    BulkProgress, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
