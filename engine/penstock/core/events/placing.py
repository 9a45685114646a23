"""Placing an event with a run: it interrupts the threads that say so; else the node run that has
waited longest for it takes it; else it stays until one comes.
"""

from penstock.core.definitions.defs import ExternalEventDef
from penstock.core.definitions.structs import structs_of
from penstock.core.errors import Code, refuse
from penstock.core.flow.agenda import wake
from penstock.core.flow.load import load
from penstock.core.ids import derive_guid
from penstock.core.limits import INTERRUPTS_PENDING_MAX
from penstock.core.state.event_rows import EventWaiter, ExternalEvent, UnclaimedEvent
from penstock.core.state.run import ThreadRun
from penstock.core.state.thread_rows import Interrupter, PendingInterrupt
from penstock.core.state.transitions import ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds, coerce


def place_event(turn: Turn, event: ExternalEvent) -> None:
    """Keep a new event of a run, for whoever is to have it."""
    if not (_interrupt(turn, event) or _give(turn, event)):
        turn.rows.put(
            UnclaimedEvent(turn.tenant, event.wf_run_id, event.event_def, turn.offset, event.guid)
        )
    turn.rows.put(event)


def derived_event_guid(turn: Turn) -> str:
    """The same for a command that is sent again; without an id each record is an event."""
    if turn.command_id is not None:
        return derive_guid("event", turn.tenant, turn.command_id)
    return derive_guid("event", turn.shard.partition, turn.offset)


def fitting_content(turn: Turn, event_def: ExternalEventDef, content: Value) -> Value:
    """The content as the definition has it; refused if it does not fit."""
    try:
        if event_def.content_type is not None:
            return coerce(content, event_def.content_type, structs_of(turn))
        check_bounds(content)
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, f"content of {event_def.name!r}: {problem}")
    return content


def _interrupt(turn: Turn, event: ExternalEvent) -> bool:
    """Interrupt the threads that the event is for, if there are any."""
    rows, run_id = turn.rows, event.wf_run_id
    for row in list(rows.scan(Interrupter, turn.tenant, run_id, event.event_def)):
        thread = rows.get(ThreadRun, turn.tenant, run_id, row.thread)
        assert thread is not None, "an interrupter is a thread of the run"
        if thread.is_abandoned or not event.is_for(thread.number, thread.node):
            continue
        if thread.interrupts == INTERRUPTS_PENDING_MAX:
            refuse(Code.LIMIT, f"thread {thread.number} has {thread.interrupts} to handle already")
        pending = PendingInterrupt(
            turn.tenant, run_id, thread.number, turn.offset, event.event_def, event.guid
        )
        thread.interrupts += 1
        rows.put(pending)
        rows.put(thread)
        event.claimed_by = (thread.number, thread.position)
        wake(turn, run_id, thread.number)
    return event.claimed_by is not None


def _give(turn: Turn, event: ExternalEvent) -> bool:
    """Give the event to the node run that has waited longest and whose thread is running."""
    rows, run_id = turn.rows, event.wf_run_id
    for waiter in rows.scan(EventWaiter, turn.tenant, run_id, event.event_def):
        if event.thread not in (None, waiter.thread):
            continue
        at = load(turn, run_id, waiter.thread)
        running = at.thread.status is ThreadStatus.RUNNING
        names = (at.node_run.node, *at.node_run.formerly)
        if running and event.is_for(at.thread.number, *names):
            rows.delete(waiter)
            event.claimed_by = (at.thread.number, at.node_run.position)
            at.node_run.progress = {**at.node_run.progress, "guid": event.guid}
            rows.put(at.node_run)
            wake(turn, run_id, at.thread.number)
            return True
    return False
