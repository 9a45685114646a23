"""PutExternalEvent: puts an event to a run, which may not exist yet; idempotent by guid.

An event interrupts the threads that say so; else the node run that has waited longest for it takes
it; else it stays until one comes.
"""

from penstock.core.agenda import wake
from penstock.core.commands.base import Command, CommandType, Repeats, of_wf_run
from penstock.core.definitions import ExternalEventDef
from penstock.core.errors import Code, refuse
from penstock.core.event_rows import EventWaiter, ExternalEvent, UnclaimedEvent
from penstock.core.ids import check_family_id, check_guid, derive_guid
from penstock.core.limits import INTERRUPTS_PENDING_MAX
from penstock.core.load import load
from penstock.core.run import ThreadRun
from penstock.core.structs import structs_of
from penstock.core.thread_rows import Interrupter, PendingInterrupt
from penstock.core.transitions import ThreadStatus
from penstock.core.turn import Turn
from penstock.core.types import ValueProblem
from penstock.core.values import Value, check_bounds, coerce, encode_value


class PutExternalEvent(Command, frozen=True):
    """Which run and event; `guid` is the client's idempotency key (one is derived if it gives
    none). `thread`, and `node` with it, say who alone may take it.
    """

    wf_run_id: str
    event_def: str
    guid: str | None = None
    content: Value = None
    thread: int | None = None
    node: str | None = None


def handle(turn: Turn, command: PutExternalEvent) -> Value:
    """Keep the event, and wake whoever is to have it."""
    check_family_id(command.wf_run_id)
    event = _event(turn, command)
    known = turn.rows.peek(
        ExternalEvent, turn.tenant, command.wf_run_id, command.event_def, event.guid
    )
    if known is not None:
        if encode_value(known.content) != encode_value(event.content):
            refuse(Code.ALREADY_EXISTS, f"event {event.guid!r} was put with other content")
        turn.repeated = True
        return {"guid": event.guid}
    place_event(turn, event)
    return {"guid": event.guid}


def place_event(turn: Turn, event: ExternalEvent) -> None:
    """Keep a new event of a run, for whoever is to have it."""
    if not (_interrupt(turn, event) or _give(turn, event)):
        turn.rows.put(
            UnclaimedEvent(turn.tenant, event.wf_run_id, event.event_def, turn.offset, event.guid)
        )
    turn.rows.put(event)


def _event(turn: Turn, command: PutExternalEvent) -> ExternalEvent:
    event_def = turn.rows.peek(ExternalEventDef, turn.tenant, command.event_def)
    if event_def is None:
        refuse(Code.EVENT_DEF_UNKNOWN, f"there is no ExternalEventDef {command.event_def!r}")
    if command.thread is not None and command.thread < 0:
        refuse(Code.THREAD_UNKNOWN, f"there is no thread {command.thread}; they count from 0")
    if command.node is not None and command.thread is None:
        refuse(Code.BAD_VALUE, "an event for a node must name its thread, too")
    return ExternalEvent(
        turn.tenant,
        command.wf_run_id,
        command.event_def,
        check_guid("guid", derived_event_guid(turn) if command.guid is None else command.guid),
        fitting_content(turn, event_def, command.content),
        turn.at_ms,
        thread=command.thread,
        node=command.node,
    )


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
        if running and event.is_for(at.thread.number, at.node_run.node):
            rows.delete(waiter)
            event.claimed_by = (at.thread.number, at.node_run.position)
            at.node_run.progress = {**at.node_run.progress, "guid": event.guid}
            rows.put(at.node_run)
            wake(turn, run_id, at.thread.number)
            return True
    return False


COMMAND = CommandType(PutExternalEvent, handle, of_wf_run, repeats=Repeats.OWN_ROWS)
