"""Events that lie with a run, or for one that is to come, and that nobody has taken.

They stay as long as their run, unless their definition says for how long. One that came before its
run is kept for a time, too, whatever the definition: the run may never come.
"""

from __future__ import annotations

from penstock.core.definitions.defs import ExternalEventDef
from penstock.core.limits import EVENT_BEFORE_RUN_MS
from penstock.core.state.event_rows import ExternalEvent, PlacingEvent, UnclaimedEvent
from penstock.core.state.run import TimerKey, WfRun
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, drop_timer, set_timer
from penstock.core.state.turn import Turn


def leave_event(turn: Turn, event: ExternalEvent, offset: int) -> None:
    """Nobody has it yet: it lies there for whoever comes, if it does not lie there already."""
    row = _row(event, offset)
    if turn.rows.by_key(UnclaimedEvent, row.own_key()) is None:
        _set_expiry(turn, event, row)
        turn.rows.put(row)


def pick_up_event(turn: Turn, event: ExternalEvent, offset: int) -> None:
    """Somebody has it, whether it had come to lie there or not."""
    row = turn.rows.by_key(UnclaimedEvent, _row(event, offset).own_key())
    if row is not None:
        drop_expiry(turn, row)
        turn.rows.delete(row)


def drop_expiry(turn: Turn, row: UnclaimedEvent) -> None:
    """It does not lie there any more."""
    if row.expires_ms is not None:
        key, kind = TimerKey(Clock.DURATION, row.expires_ms), TimerKind.EXPIRE_UNCLAIMED
        drop_timer(turn, key, kind, row.wf_run_id, detail=_detail(row), number=row.offset)


def expire_unclaimed(turn: Turn, timer: Timer) -> None:
    """An event's time is over. One that was kept for its run alone is the run's, if that is there
    by now.
    """
    rows, run_id = turn.rows, timer.wf_run_id
    event_def, _, guid = timer.detail.partition("/")
    event = rows.peek(ExternalEvent, turn.tenant, run_id, event_def, guid)
    if event is None:
        return
    row = rows.get(UnclaimedEvent, *_key(event, timer.number))
    if row is None or row.expires_ms != timer.due_ms:
        return
    if row.for_the_run and rows.peek(WfRun, turn.tenant, run_id) is not None:
        row.expires_ms, row.for_the_run = None, False
        rows.put(row)
        return
    rows.delete(row)
    rows.delete(event)
    rows.delete(PlacingEvent(turn.tenant, run_id, event_def, timer.number, guid, 0))


def _set_expiry(turn: Turn, event: ExternalEvent, row: UnclaimedEvent) -> None:
    """A run that has accepted an event from its key has been promised it."""
    if event.correlated:
        return
    definition = turn.rows.peek(ExternalEventDef, turn.tenant, event.event_def)
    retention = None if definition is None else definition.retention
    if retention is not None:
        kept_ms = retention.after_put_s * 1_000
    elif turn.rows.peek(WfRun, turn.tenant, event.wf_run_id) is None:
        kept_ms, row.for_the_run = EVENT_BEFORE_RUN_MS, True
    else:
        return
    row.expires_ms = clock_ms(turn, Clock.DURATION) + kept_ms
    set_timer(
        turn,
        TimerKind.EXPIRE_UNCLAIMED,
        event.wf_run_id,
        clock=Clock.DURATION,
        due_ms=row.expires_ms,
        detail=_detail(row),
        number=row.offset,
    )


def _row(event: ExternalEvent, offset: int) -> UnclaimedEvent:
    return UnclaimedEvent(*_key(event, offset))


def _key(event: ExternalEvent, offset: int) -> tuple[str, str, str, str, int, str]:
    kind = (event.tenant, event.wf_run_id, event.event_def)
    return (*kind, event.wanted, offset, event.guid)


def _detail(row: UnclaimedEvent) -> str:
    return f"{row.event_def}/{row.guid}"
