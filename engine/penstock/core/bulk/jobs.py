"""A bulk job as partition 0 keeps it: begun, told how far its parts have come, ended, forgotten."""

from __future__ import annotations

from penstock.core.bulk.rows import (
    BULK_LIVE,
    BulkCounts,
    BulkJob,
    BulkLive,
    BulkRefusal,
    BulkState,
    BulkStatus,
)
from penstock.core.errors import Code, refuse
from penstock.core.limits import BULK_KEPT_MS, BULK_LIVE_MAX, BULK_REFUSALS_MAX
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, set_timer
from penstock.core.state.turn import Turn


def begin_job(turn: Turn, job: BulkJob, parts: int) -> None:
    """Keep a job that so many partitions have a part of."""
    live = turn.rows.get(BulkLive, turn.tenant) or BulkLive(turn.tenant, 0)
    if live.jobs >= BULK_LIVE_MAX:
        refuse(
            Code.LIMIT,
            f"{live.jobs} bulk jobs are under way, a tenant may have {BULK_LIVE_MAX}:"
            " wait for one to end, or cancel it",
        )
    live.jobs += 1
    state = BulkState(turn.tenant, job.bulk_id, BulkStatus.RUNNING, parts)
    for row in (live, job, state):
        turn.rows.put(row)


def known_state(turn: Turn, bulk_id: str) -> BulkState:
    """How far a job has come, to be changed and put back; refuses one that does not exist."""
    state = turn.rows.get(BulkState, turn.tenant, bulk_id)
    if state is None:
        refuse(Code.BULK_UNKNOWN, f"there is no bulk job {bulk_id!r}; an ended one is forgotten")
    return state


def note_progress(
    turn: Turn,
    state: BulkState,
    counts: BulkCounts,
    refusals: tuple[BulkRefusal, ...],
) -> None:
    """Add what a partition has come to since it last told."""
    state.counts = state.counts.plus(counts)
    state.refusals = (*state.refusals, *refusals)[:BULK_REFUSALS_MAX]
    turn.rows.put(state)


def note_end_of_part(turn: Turn, state: BulkState, failure: str) -> None:
    """A partition has nothing more to do; with the last of them the job ends."""
    state.parts -= 1
    state.reason = state.reason or failure
    if state.parts == 0 and state.status in BULK_LIVE:
        _end(turn, state)
    turn.rows.put(state)


def _end(turn: Turn, state: BulkState) -> None:
    if state.reason:
        state.status = BulkStatus.FAILED
    elif state.status is BulkStatus.CANCELLING:
        state.status = BulkStatus.CANCELLED
    else:
        state.status = BulkStatus.COMPLETED
    state.ended_ms = turn.at_ms
    live = turn.rows.get(BulkLive, turn.tenant)
    assert live is not None, "this job is counted"
    live.jobs -= 1
    if live.jobs:
        turn.rows.put(live)
    else:
        turn.rows.delete(live)
    clock, kind = Clock.DURATION, TimerKind.FORGET_BULK
    due_ms = clock_ms(turn, clock) + BULK_KEPT_MS
    set_timer(turn, kind, "", clock=clock, due_ms=due_ms, detail=state.bulk_id, number=0)


def forget_job(turn: Turn, timer: Timer) -> None:
    """A job that has ended has been kept long enough."""
    job = turn.rows.peek(BulkJob, turn.tenant, timer.detail)
    state = turn.rows.peek(BulkState, turn.tenant, timer.detail)
    for row in (job, state):
        if row is not None:
            turn.rows.delete(row)
