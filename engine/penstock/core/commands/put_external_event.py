"""PutExternalEvent: puts an event to a run, which may not exist yet; idempotent by guid. One whose
definition keeps no events acts only on what waits for it now, and is refused if nothing does, or if
what does can not be found among very many.
"""

from typing import NoReturn

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.definitions.defs import ExternalEventDef
from penstock.core.errors import Code, refuse
from penstock.core.events.placing import derived_event_guid, fitting_content, place_event
from penstock.core.ids import check_family_id, check_guid
from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.first_answer import FirstAnswer, first_answer
from penstock.core.state.run import WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class PutExternalEvent(Command, frozen=True):
    """Which run and event; `guid` is the client's idempotency key (one is derived if it gives
    none). `thread`, and `node` with it, say who alone may take it; of an event that is not kept
    `node` alone will do.
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
    event_def = _event_def(turn, command)
    event = _event(turn, command, event_def)
    body: Value = {"guid": event.guid}
    event.first = first_answer(command, turn.command_id, body)
    is_known = place_event(turn, event)
    if event.claimed_by is None and not event_def.is_kept:
        if not is_known:
            _refuse_too_many(event)
        _refuse_unawaited(turn, event)
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


def _event_def(turn: Turn, command: PutExternalEvent) -> ExternalEventDef:
    event_def = turn.rows.peek(ExternalEventDef, turn.tenant, command.event_def)
    if event_def is None:
        refuse(Code.EVENT_DEF_UNKNOWN, f"there is no ExternalEventDef {command.event_def!r}")
    return event_def


def _event(turn: Turn, command: PutExternalEvent, event_def: ExternalEventDef) -> ExternalEvent:
    if command.thread is not None and command.thread < 0:
        refuse(Code.THREAD_UNKNOWN, f"there is no thread {command.thread}; they count from 0")
    if command.node is not None and command.thread is None and event_def.is_kept:
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


def _refuse_unawaited(turn: Turn, event: ExternalEvent) -> NoReturn:
    run_id = event.wf_run_id
    run = turn.rows.peek(WfRun, turn.tenant, run_id)
    if run is None:
        refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {run_id!r}")
    there = "" if event.node is None else f" at node {event.node!r}"
    whose = "nothing" if event.thread is None else f"thread {event.thread} is not one that"
    refuse(
        Code.EVENT_NOT_AWAITED,
        f"WfRun {run_id!r} is {run.status}: {whose} waits for {event.event_def!r}{there}. Events of"
        " this kind are not kept: put it once a node waits for it and its thread is not halted,"
        " or name the thread",
    )


def _refuse_too_many(event: ExternalEvent) -> NoReturn:
    """It can not be kept until all have been looked at: that somebody waits is not known."""
    refuse(
        Code.LIMIT,
        f"more threads of WfRun {event.wf_run_id!r} wait for {event.event_def!r} than are looked at"
        " at once, and the first of them can not have it, since they are halted or elsewhere: name"
        " the thread that is to have it",
    )


COMMAND = CommandType(PutExternalEvent, handle, of_wf_run, repeats=Repeats.OWN_ROWS, first=first)
