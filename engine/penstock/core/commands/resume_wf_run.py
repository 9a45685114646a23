"""ResumeWfRun: takes a stop or a pause away; the thread goes on where it stood. Where none is, it
passes the node that has waited longest among those that a resume passes: one at a time, as the
event would for which that waits.
"""

from penstock.core.advance.advance import unhalt
from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.definitions.defs import ExternalEventDef
from penstock.core.errors import Code, refuse
from penstock.core.events.placing import fitting_content, give_event
from penstock.core.events.resumable import oldest_resumable
from penstock.core.flow.at import At
from penstock.core.flow.load import load_live
from penstock.core.ids import derive_guid
from penstock.core.operators.verbs import settled_status
from penstock.core.state.event_rows import EventWaiter, ExternalEvent
from penstock.core.state.run import HaltReason
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

BY_HAND = (HaltReason.MANUAL_HALT, HaltReason.PAUSED)


class ResumeWfRun(Command, frozen=True):
    """Which run, and which of its threads (0 is the entrypoint, and stands for all where no halt is
    taken away); `content` is what the node that is passed asks for.
    """

    wf_run_id: str
    thread: int = 0
    content: Value = None


def handle(turn: Turn, command: ResumeWfRun) -> Value:
    """Let the thread run again, or pass what waits to be resumed."""
    at = load_live(turn, command.wf_run_id, command.thread)
    reasons = [reason for reason in BY_HAND if reason in at.thread.halt_reasons]
    if reasons and command.content is not None:
        refuse(
            Code.BAD_VALUE,
            f"thread {command.thread} of {command.wf_run_id!r} was stopped, and takes no content;"
            " resume it without, then give the content to the node that waits for it",
        )
    for reason in reasons:
        unhalt(at, reason)
    if not reasons:
        _pass(turn, at, command)
    return settled_status(turn, command.wf_run_id, command.thread)


def _pass(turn: Turn, at: At, command: ResumeWfRun) -> None:
    """Give the node that has waited longest what it waits for."""
    waiter = oldest_resumable(turn, at)
    if waiter is None:
        refuse(
            Code.THREAD_NOT_HALTED,
            f"thread {command.thread} of {command.wf_run_id!r} was not stopped; it is"
            f" {at.thread.status}, and no node that runs waits there to be resumed",
        )
    event = _event(turn, waiter, command.content)
    if command.content is not None:
        turn.unaudited = (*turn.unaudited, "content")  # the event has it, and may be masked
    give_event(turn, event, waiter.thread)


def _event(turn: Turn, waiter: EventWaiter, content: Value) -> ExternalEvent:
    event_def = turn.rows.peek(ExternalEventDef, turn.tenant, waiter.event_def)
    if event_def is None:
        refuse(Code.EVENT_DEF_UNKNOWN, f"there is no ExternalEventDef {waiter.event_def!r}")
    place = (waiter.wf_run_id, waiter.thread, waiter.step)
    return ExternalEvent(
        turn.tenant,
        waiter.wf_run_id,
        waiter.event_def,
        derive_guid("resume", turn.shard.partition, turn.offset, *place),
        fitting_content(turn, event_def, content),
        turn.at_ms,
        thread=waiter.thread,
    )


COMMAND = CommandType(ResumeWfRun, handle, of_wf_run, audited=True)
