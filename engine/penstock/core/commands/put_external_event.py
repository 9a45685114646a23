"""PutExternalEvent: puts an event to a run, which may not exist yet; idempotent by guid."""

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.definitions.defs import ExternalEventDef
from penstock.core.errors import Code, refuse
from penstock.core.events.placing import derived_event_guid, fitting_content, place_event
from penstock.core.ids import check_family_id, check_guid
from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value, encode_value


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


COMMAND = CommandType(PutExternalEvent, handle, of_wf_run, repeats=Repeats.OWN_ROWS)
