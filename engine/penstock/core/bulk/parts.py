"""A part of a bulk job as a partition keeps it: what is counted, what waits for its turn."""

from __future__ import annotations

from msgspec.structs import replace

from penstock.core.bulk.rows import BulkCounts, BulkCursor, BulkRefusal
from penstock.core.limits import BULK_MESSAGE_CHARS_MAX, BULK_REFUSALS_MAX
from penstock.core.state.timers import Clock, TimerKind, clock_ms, drop_timer, set_timer
from penstock.core.state.turn import Turn


def wait_for_turn(turn: Turn, cursor: BulkCursor, pause_ms: int = 0) -> None:
    """Have the part go on when its time has come; puts the cursor."""
    cursor.serial += 1
    cursor.timer = set_timer(
        turn,
        TimerKind.BULK,
        "",
        clock=Clock.PENDING,
        due_ms=clock_ms(turn, Clock.PENDING) + pause_ms,
        detail=cursor.bulk_id,
        number=cursor.serial,
    )
    turn.rows.put(cursor)


def stop_waiting(turn: Turn, cursor: BulkCursor) -> None:
    """The part does not go on."""
    if cursor.timer is not None:
        kind, serial = TimerKind.BULK, cursor.serial
        drop_timer(turn, cursor.timer, kind, "", detail=cursor.bulk_id, number=serial)
        cursor.timer = None


def count_looked(cursor: BulkCursor, *, matched: bool) -> None:
    """A run was looked at."""
    counts = cursor.counts
    cursor.counts = replace(counts, looked=counts.looked + 1, matched=counts.matched + int(matched))


def count_done(cursor: BulkCursor) -> None:
    """The verb was done to a run."""
    cursor.counts = replace(cursor.counts, done=cursor.counts.done + 1)


def count_refused(cursor: BulkCursor, wf_run_id: str, code: str, message: str) -> None:
    """The verb was refused for a run; the first of these are told with their sentences."""
    cursor.counts = cursor.counts.plus(BulkCounts(refused={code: 1}))
    if cursor.refusals_told + len(cursor.refusals) < BULK_REFUSALS_MAX:
        refusal = BulkRefusal(wf_run_id, code, message[:BULK_MESSAGE_CHARS_MAX])
        cursor.refusals = (*cursor.refusals, refusal)
