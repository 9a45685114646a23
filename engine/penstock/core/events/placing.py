"""Placing an event with a run: it interrupts the threads that say so; else the node run that has
waited longest for it takes it; else it stays until one comes.

An event that names a thread goes there. Any other may have thousands to interrupt, or to pass by
since they are halted: that goes on in later turns (R3), and events of a kind are placed one after
the other, in the order in which they came.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, cast

from penstock.core.definitions.defs import ExternalEventDef
from penstock.core.definitions.structs import structs_of
from penstock.core.errors import Code, refuse
from penstock.core.flow.agenda import wake
from penstock.core.flow.at import peek_thread
from penstock.core.flow.rounds import chunk_of, pay
from penstock.core.flow.unclaimed import leave_event, pick_up_event
from penstock.core.ids import derive_guid
from penstock.core.limits import INTERRUPTS_PENDING_MAX
from penstock.core.state.event_rows import (
    EventWaiter,
    ExternalEvent,
    PlacingEvent,
)
from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import copy_of
from penstock.core.state.run import NodeRun, ThreadRun, WfRun
from penstock.core.state.thread_rows import Interrupter, PendingInterrupt
from penstock.core.state.timers import Clock, Timer, TimerKind, clock_ms, set_timer
from penstock.core.state.transitions import ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds, coerce


def place_event(turn: Turn, event: ExternalEvent) -> bool:
    """Keep a new event of a run, for whoever is to have it. False if who that is, if anybody, is
    not known yet: so many come before it that later turns go on.
    """
    run = turn.rows.peek(WfRun, turn.tenant, event.wf_run_id)
    kind = (turn.tenant, event.wf_run_id, event.event_def)
    placing = PlacingEvent(*kind, turn.offset, event.guid, 0 if run is None else run.threads)
    is_placed = event.thread is not None
    if event.thread is not None:
        _place_named(turn, event, event.thread)
    elif next(turn.rows.scan(PlacingEvent, *kind), None) is not None:
        turn.rows.put(placing)
    else:
        is_placed = _place(turn, event, placing, refuses=True)
        if not is_placed:
            turn.rows.put(placing)
            _put_off(turn, placing)
    turn.rows.put(event)
    return is_placed or event.claimed_by is not None


def go_on(turn: Turn, timer: Timer) -> None:
    """Go on with the events of a kind that are being placed, oldest first."""
    while (placing := _next(turn, timer)) is not None:
        if turn.nodes_left == 0:
            _put_off(turn, placing)
            return
        pay(turn, 1)
        event = turn.rows.get(
            ExternalEvent, turn.tenant, placing.wf_run_id, placing.event_def, placing.guid
        )
        assert event is not None, "an event stays while its run does"
        placed = _place(turn, event, placing, refuses=False)
        turn.rows.put(event)
        if not placed:
            turn.rows.put(placing)
            _put_off(turn, placing)
            return
        turn.rows.delete(placing)


def pass_over(turn: Turn, timer: Timer) -> None:
    """The timer is gone for a defect: those behind the event that it was for go on (R6)."""
    placing = _next(turn, timer)
    if placing is not None:
        turn.rows.delete(placing)
        following = _next(turn, timer)
        if following is not None:
            _put_off(turn, following)


def derived_event_guid(turn: Turn) -> str:
    """The same for a command that is sent again; without an id each record is an event."""
    if turn.command_id is not None:
        return derive_guid("event", turn.tenant, turn.command_id)
    return derive_guid("event", turn.shard.partition, turn.offset)


def fitting_content(turn: Turn, event_def: ExternalEventDef, content: Value) -> Value:
    """The content as the definition has it; refused if it does not fit."""
    if content is None and event_def.content_required:
        wanted = event_def.content_type or "any value but null"
        refuse(Code.BAD_VALUE, f"{event_def.name!r} wants a content: {wanted}")
    try:
        if event_def.content_type is not None:
            return coerce(content, event_def.content_type, structs_of(turn))
        check_bounds(content)
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, f"content of {event_def.name!r}: {problem}")
    return content


def _place_named(turn: Turn, event: ExternalEvent, number: int) -> None:
    """An event that names a thread interrupts that, or is given to it, or lies there for it."""
    thread = turn.rows.get(ThreadRun, turn.tenant, event.wf_run_id, number)
    if thread is not None:
        interrupter = (turn.tenant, event.wf_run_id, event.event_def, number)
        if turn.rows.peek(Interrupter, *interrupter) is not None:
            _interrupt(turn, event, thread, turn.offset, refuses=True)
        if event.claimed_by is None and thread.status is ThreadStatus.RUNNING:
            _give_to(turn, event, thread)
    if event.claimed_by is None:
        leave_event(turn, event, turn.offset)


def _place(turn: Turn, event: ExternalEvent, placing: PlacingEvent, *, refuses: bool) -> bool:
    """Go on with an event that names no thread; True when it is placed. It may lie unclaimed while
    it is offered: whoever comes to look may take it.
    """
    if placing.interrupts and not _interrupt_next(turn, event, placing, refuses=refuses):
        return False
    placing.interrupts = False
    return event.claimed_by is not None or _give_next(turn, event, placing)


def _interrupt_next(
    turn: Turn, event: ExternalEvent, placing: PlacingEvent, *, refuses: bool
) -> bool:
    """Interrupt the next threads; False if there are more. Only those that a turn can come to at
    once can refuse the event: threads further on take one more than they should.
    """
    rows, kind = turn.rows, (turn.tenant, event.wf_run_id, event.event_def)
    start, end = Interrupter.key(*kind, placing.first), Interrupter.key(*kind, placing.threads)
    size = chunk_of(turn)
    found = list(islice(rows.range(Interrupter, start, end), size + 1))
    for _, row in found[:size]:
        thread = rows.get(ThreadRun, turn.tenant, event.wf_run_id, row.thread)
        assert thread is not None, "an interrupter is a thread of the run"
        _interrupt(turn, event, thread, placing.offset, refuses=refuses)
    pay(turn, min(size, len(found)))
    if len(found) <= size:
        return True
    placing.first = found[size][1].thread
    return False


def _interrupt(
    turn: Turn, event: ExternalEvent, thread: ThreadRun, offset: int, *, refuses: bool
) -> None:
    """Have a thread interrupted, if the event is for it."""
    if thread.is_abandoned or not event.is_for(thread.number, thread.node):
        return
    if refuses and thread.interrupts >= INTERRUPTS_PENDING_MAX:
        refuse(Code.LIMIT, f"thread {thread.number} has {thread.interrupts} to handle already")
    turn.rows.put(
        PendingInterrupt(
            turn.tenant, event.wf_run_id, thread.number, offset, event.event_def, event.guid
        )
    )
    thread.interrupts += 1
    turn.rows.put(thread)
    event.claim(thread.number, thread.position, turn.at_ms)
    wake(turn, event.wf_run_id, thread.number)


def _give_next(turn: Turn, event: ExternalEvent, placing: PlacingEvent) -> bool:
    """Give the event to the node run that has waited longest and whose thread is running, or leave
    it; False if there are more to look at.
    """
    prefix = EventWaiter.key(turn.tenant, event.wf_run_id, event.event_def)
    start = placing.offered + b"\x00" if placing.offered else prefix
    size = chunk_of(turn)
    for seen, (key, waiter) in enumerate(turn.rows.range(EventWaiter, start, after_prefix(prefix))):
        if seen == size:
            leave_event(turn, event, placing.offset)
            return False
        pay(turn, 1)
        placing.offered = key
        thread = peek_thread(turn, event.wf_run_id, waiter.thread)
        assert thread is not None, "a waiter is a thread of the run"
        if thread.status is ThreadStatus.RUNNING and _give_to(turn, event, thread):
            pick_up_event(turn, event, placing.offset)
            return True
    leave_event(turn, event, placing.offset)
    return True


def give_event(turn: Turn, event: ExternalEvent, number: int) -> None:
    """Give a new event to the node run at which a thread stands, which waits for it."""
    thread = peek_thread(turn, event.wf_run_id, number)
    assert thread is not None, "a waiter is a thread of the run"
    given = _give_to(turn, event, thread)
    assert given, "a node run that waits has a waiter"
    turn.rows.put(event)


def _give_to(turn: Turn, event: ExternalEvent, thread: ThreadRun) -> bool:
    """Give the event to the node run at which a thread stands, if that waits for it."""
    rows, run_id = turn.rows, event.wf_run_id
    node_run = rows.get(NodeRun, turn.tenant, run_id, thread.number, thread.position)
    if node_run is None or not isinstance(node_run.progress, dict):
        return False
    progress = cast("dict[str, Any]", node_run.progress)
    step: int | None = progress.get("step")
    if step is None or not event.is_for(thread.number, node_run.node, *node_run.formerly):
        return False
    waiter = rows.peek(EventWaiter, turn.tenant, run_id, event.event_def, step, thread.number)
    if waiter is None:
        return False
    rows.delete(waiter)
    event.claim(thread.number, thread.position, turn.at_ms)
    node_run.progress = {**progress, "guid": event.guid}
    rows.put(node_run)
    wake(turn, run_id, thread.number)
    return True


def _next(turn: Turn, timer: Timer) -> PlacingEvent | None:
    rows = turn.rows.scan(PlacingEvent, turn.tenant, timer.wf_run_id, timer.detail)
    found = next(rows, None)
    return None if found is None else copy_of(found)


def _put_off(turn: Turn, placing: PlacingEvent) -> None:
    set_timer(
        turn,
        TimerKind.PLACE_EVENT,
        placing.wf_run_id,
        clock=Clock.PENDING,
        due_ms=clock_ms(turn, Clock.PENDING),
        detail=placing.event_def,
        number=0,
    )
