"""PutExternalEvent: puts an event to a run, which may not exist yet; idempotent by guid."""

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.definitions.defs import ExternalEventDef
from penstock.core.errors import Code, refuse
from penstock.core.events.placing import derived_event_guid, fitting_content, place_event
from penstock.core.ids import check_family_id, check_guid
from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.first_answer import FirstAnswer, first_answer
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


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
    if _known(turn, command) is not None:
        refuse(
            Code.ALREADY_EXISTS,
            f"event {_guid(turn, command)!r} was put with another content, thread or node",
        )
    event = _event(turn, command)
    body: Value = {"guid": event.guid}
    event.first = first_answer(command, turn.command_id, body)
    place_event(turn, event)
    return body


def first(turn: Turn, command: PutExternalEvent) -> FirstAnswer | None:
    """What was answered when the event was put."""
    known = _known(turn, command)
    return None if known is None else known.first


def _known(turn: Turn, command: PutExternalEvent) -> ExternalEvent | None:
    run_id, guid = check_family_id(command.wf_run_id), _guid(turn, command)
    return turn.rows.peek(ExternalEvent, turn.tenant, run_id, command.event_def, guid)


def _guid(turn: Turn, command: PutExternalEvent) -> str:
    return check_guid("guid", derived_event_guid(turn) if command.guid is None else command.guid)


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
        _guid(turn, command),
        fitting_content(turn, event_def, command.content),
        turn.at_ms,
        thread=command.thread,
        node=command.node,
    )


COMMAND = CommandType(PutExternalEvent, handle, of_wf_run, repeats=Repeats.OWN_ROWS, first=first)
