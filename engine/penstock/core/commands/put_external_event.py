"""PutExternalEvent: puts an event to a run, which may not exist yet; idempotent by guid."""

from penstock.core.advance import resume_node
from penstock.core.commands.base import Command, CommandType, Repeats, of_wf_run
from penstock.core.definitions import ExternalEventDef
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_guid, check_wf_run_id, derive_guid
from penstock.core.load import load
from penstock.core.nodes.base import EventCame
from penstock.core.run import EventWaiter, ExternalEvent, UnclaimedEvent
from penstock.core.structs import structs_of
from penstock.core.transitions import ThreadStatus
from penstock.core.turn import Turn
from penstock.core.values import Value, ValueProblem, check_bounds, coerce, encode_value


class PutExternalEvent(Command, frozen=True):
    """Which run and event; `guid` is the client's idempotency key (one is derived if it gives
    none).
    """

    wf_run_id: str
    event_def: str
    guid: str | None = None
    content: Value = None


def handle(turn: Turn, command: PutExternalEvent) -> Value:
    """Keep the event, and wake a node run that waits for one."""
    check_wf_run_id(command.wf_run_id)
    event_def = turn.rows.peek(ExternalEventDef, turn.tenant, command.event_def)
    if event_def is None:
        refuse(Code.EVENT_DEF_UNKNOWN, f"there is no ExternalEventDef {command.event_def!r}")
    content = _content(turn, event_def, command.content)
    guid = command.guid
    if guid is None:
        guid = _derived_guid(turn)
    event = ExternalEvent(
        turn.tenant,
        command.wf_run_id,
        command.event_def,
        check_guid("guid", guid),
        content,
        turn.at_ms,
    )
    known = turn.rows.peek(ExternalEvent, turn.tenant, command.wf_run_id, command.event_def, guid)
    if known is not None:
        if encode_value(known.content) != encode_value(content):
            refuse(Code.ALREADY_EXISTS, f"event {guid!r} was put with other content")
        turn.repeated = True
        return {"guid": guid}
    turn.rows.put(event)
    turn.rows.put(
        UnclaimedEvent(turn.tenant, command.wf_run_id, command.event_def, turn.offset, guid)
    )
    _wake(turn, command)
    return {"guid": guid}


def _derived_guid(turn: Turn) -> str:
    """The same for a command that is sent again; without an id each record is an event."""
    if turn.command_id is not None:
        return derive_guid("event", turn.tenant, turn.command_id)
    return derive_guid("event", turn.shard.partition, turn.offset)


def _content(turn: Turn, event_def: ExternalEventDef, content: Value) -> Value:
    try:
        if event_def.content_type is not None:
            return coerce(content, event_def.content_type, structs_of(turn))
        check_bounds(content)
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, f"content of {event_def.name!r}: {problem}")
    return content


def _wake(turn: Turn, command: PutExternalEvent) -> None:
    waiters = turn.rows.scan(EventWaiter, turn.tenant, command.wf_run_id, command.event_def)
    for waiter in waiters:
        at = load(turn, command.wf_run_id, waiter.thread)
        if at.thread.status is ThreadStatus.RUNNING and at.thread.position == waiter.position:
            resume_node(at, EventCame())
            return


COMMAND = CommandType(PutExternalEvent, handle, of_wf_run, repeats=Repeats.OWN_ROWS)
