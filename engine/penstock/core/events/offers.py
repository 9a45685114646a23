"""Offers, on the partition of a key: a correlated event is offered to who waits for its key.

An event that is consumed by the first who takes it is offered to one at a time, to the next only
when that one has declined. Any other is offered to all who wait, and to whoever comes later, if it
is kept; so many a turn (R3).
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.command import Command
from penstock.core.ids import partition_of_run
from penstock.core.state.correlation_rows import CorrelatedEvent, EventMarker
from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import copy_of
from penstock.core.state.run import TimerKey
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, drop_timer, set_timer
from penstock.core.state.turn import Turn
from penstock.core.values.value import encode_value


class OfferCorrelatedEvent(Command, frozen=True):
    """The event, by its serial, and the marker that it is offered to. The content is msgpack: its
    size is bounded as the value's is, which JSON's is not.
    """

    event_def: str
    key: str
    wf_run_id: str
    thread: int
    position: int
    since_ms: int
    serial: int
    content: bytes


def offer(turn: Turn, event: CorrelatedEvent) -> None:
    """Offer an event to the first who waits for it, or to all."""
    if event.once:
        _offer_to_first(turn, event)
    else:
        _offer_to_all(turn, event)


def offer_again(turn: Turn, event: CorrelatedEvent, marker: EventMarker | None) -> None:
    """Somebody waits from now on (None: no more), or has answered."""
    if event.once and event.reached is None:
        _offer_to_first(turn, event)
    elif event.unanswered is not None and not event.once:
        _keep(turn, event)  # it was for those who waited when it came
    elif marker is not None and not event.offered and offer_to(turn, event, marker) and event.once:
        event.offered, event.reached = True, None
        turn.rows.put(event)


def answered(event: CorrelatedEvent) -> None:
    """One who was asked has answered, and has not taken it away from the others."""
    event.offered = False
    if event.unanswered is not None:
        event.unanswered -= 1


def offer_to(turn: Turn, event: CorrelatedEvent, marker: EventMarker) -> bool:
    """Offer an event to one who waits; False if that one has been asked already."""
    if marker.offered is not None or marker.after >= event.serial:
        return False
    asked = copy_of(marker)
    asked.offered = event.serial
    turn.rows.put(asked)
    if event.unanswered is not None:
        event.unanswered += 1
    content = encode_value(event.content)
    turn.output_bytes += len(content)
    command = OfferCorrelatedEvent(
        event_def=event.event_def,
        key=event.event_key,
        wf_run_id=marker.wf_run_id,
        thread=marker.thread,
        position=marker.position,
        since_ms=marker.since_ms,
        serial=event.serial,
        content=content,
    )
    turn.send(partition_of_run(marker.wf_run_id, turn.shard.partitions), command)
    return True


def forget(turn: Turn, event: CorrelatedEvent) -> None:
    """The event is gone; who waits goes on waiting."""
    turn.rows.delete(event)
    if event.expires_ms is not None:
        key = TimerKey(Clock.DURATION, event.expires_ms)
        drop_timer(
            turn, key, TimerKind.EXPIRE_EVENT, "", detail=_detail(event), number=event.serial
        )


def set_expiry(turn: Turn, event: CorrelatedEvent, ttl_ms: int) -> None:
    """Have the event go when its time is over."""
    event.expires_ms = clock_ms(turn, Clock.DURATION) + ttl_ms
    set_timer(
        turn,
        TimerKind.EXPIRE_EVENT,
        "",
        clock=Clock.DURATION,
        due_ms=event.expires_ms,
        detail=_detail(event),
        number=event.serial,
    )


def expire(turn: Turn, timer: Timer) -> None:
    """An event's time is over."""
    event = _event(turn, timer)
    if event is not None:
        turn.rows.delete(event)


def go_on(turn: Turn, timer: Timer) -> None:
    """Offer an event to those whom an earlier turn has not come to."""
    event = _event(turn, timer)
    if event is not None:
        offer(turn, event)


def _offer_to_first(turn: Turn, event: CorrelatedEvent) -> None:
    """Offer it to the first who has not been asked; who has may be many, to be passed by."""
    if event.offered:
        return
    for marker in _next_markers(turn, event):
        if offer_to(turn, event, marker):
            event.offered, event.reached = True, None
            break
    _keep(turn, event)


def _offer_to_all(turn: Turn, event: CorrelatedEvent) -> None:
    for marker in _next_markers(turn, event):
        offer_to(turn, event, marker)
    _keep(turn, event)


def _keep(turn: Turn, event: CorrelatedEvent) -> None:
    """Keep it, if it is kept or somebody may still take it: else nobody would take it away."""
    if event.unanswered == 0 and event.reached is None:
        forget(turn, event)
    else:
        turn.rows.put(event)


def _next_markers(turn: Turn, event: CorrelatedEvent) -> Iterator[EventMarker]:
    """Those who wait, from where an earlier turn has come to; so many a turn."""
    prefix = EventMarker.key(turn.tenant, event.event_def, event.event_key)
    start = prefix
    if event.reached is not None:
        start = (
            EventMarker.key(turn.tenant, event.event_def, event.event_key, *event.reached) + b"\x00"
        )
    event.reached = None
    for _, marker in turn.rows.range(EventMarker, start, after_prefix(prefix)):
        if turn.nodes_left == 0 or turn.is_full():
            _put_off(turn, event)
            return
        turn.nodes_left -= 1
        event.reached = marker.place
        yield marker
    event.reached = None


def _put_off(turn: Turn, event: CorrelatedEvent) -> None:
    set_timer(
        turn,
        TimerKind.OFFER_EVENT,
        "",
        clock=Clock.PENDING,
        due_ms=clock_ms(turn, Clock.PENDING),
        detail=_detail(event),
        number=event.serial,
    )


def _detail(event: CorrelatedEvent) -> str:
    """What tells its timers from those of other events: neither part has a '/'."""
    return f"{event.event_def}/{event.event_key}"


def _event(turn: Turn, timer: Timer) -> CorrelatedEvent | None:
    event_def, _, key = timer.detail.partition("/")
    event = turn.rows.get(CorrelatedEvent, turn.tenant, event_def, key)
    return event if event is not None and event.serial == timer.number else None
