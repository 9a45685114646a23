"""OfferCorrelatedEvent: the partition of a key offers an event to a run that waits for it. The run
accepts and has the event from then on, or declines because it waits no more.
"""

import msgspec

from penstock.core.command import CommandType, Repeats, Sender, of_partition_0
from penstock.core.events.offers import OfferCorrelatedEvent
from penstock.core.events.placing import place_event
from penstock.core.ids import derive_guid
from penstock.core.limits import INTERRUPTS_PENDING_MAX
from penstock.core.state.correlation_rows import MarkerNews, RunMarker
from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.run import NodeRun, ThreadRun, WfRun
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


def handle(turn: Turn, command: OfferCorrelatedEvent) -> Value:
    """Accept or decline; the answer is on its way before the turn ends."""
    marker = turn.rows.peek(
        RunMarker,
        turn.tenant,
        command.wf_run_id,
        command.thread,
        command.position,
        command.event_def,
    )
    if marker is None or (marker.event_key, marker.since_ms) != (command.key, command.since_ms):
        _answer(turn, _named(turn, command), command, waits=False, accepted=False)
        return None
    event = _event(turn, marker, command)
    accepted = _is_wanted(turn, marker) and not _is_known(turn, event)
    waits = marker.stays and _is_live(turn, marker)
    if not waits:
        turn.rows.delete(marker)
    if accepted:
        place_event(turn, event)
    _answer(turn, marker, command, waits=waits, accepted=accepted)
    return None


def _is_live(turn: Turn, marker: RunMarker) -> bool:
    """Whether run and thread have not ended. A run that is rescued marks its nodes anew."""
    run = turn.rows.peek(WfRun, turn.tenant, marker.wf_run_id)
    thread = turn.rows.peek(ThreadRun, turn.tenant, marker.wf_run_id, marker.thread)
    if run is None or thread is None:
        return False
    return run.status in THREAD_LIVE and thread.status in THREAD_LIVE


def _is_wanted(turn: Turn, marker: RunMarker) -> bool:
    if not _is_live(turn, marker):
        return False
    thread = turn.rows.peek(ThreadRun, turn.tenant, marker.wf_run_id, marker.thread)
    full = thread is not None and thread.interrupts >= INTERRUPTS_PENDING_MAX
    return not (marker.stays and full)


def _is_known(turn: Turn, event: ExternalEvent) -> bool:
    """Whether the thread has had the event: one that stays under its key is offered once more when
    a thread that was rescued marks the key anew.
    """
    key = (turn.tenant, event.wf_run_id, event.event_def, event.guid)
    return turn.rows.peek(ExternalEvent, *key) is not None


def _event(turn: Turn, marker: RunMarker, command: OfferCorrelatedEvent) -> ExternalEvent:
    """The event as the run gets it: for the node run that waits and no other, or, if it interrupts,
    for the thread.
    """
    guid = derive_guid(
        "correlated",
        marker.event_def,
        marker.event_key,
        command.serial,
        marker.thread,
        marker.position,
    )
    node_run = turn.rows.peek(
        NodeRun, turn.tenant, marker.wf_run_id, marker.thread, marker.position
    )
    assert node_run is not None, "a marker is that of a node run"
    return ExternalEvent(
        turn.tenant,
        marker.wf_run_id,
        marker.event_def,
        guid,
        msgspec.msgpack.decode(command.content),
        turn.at_ms,
        thread=marker.thread,
        node=None if marker.stays else node_run.node,
        correlated=True,
    )


def _named(turn: Turn, command: OfferCorrelatedEvent) -> RunMarker:
    """The marker that is there no more."""
    return RunMarker(
        turn.tenant,
        command.wf_run_id,
        command.thread,
        command.position,
        command.event_def,
        command.key,
        command.since_ms,
    )


def _answer(
    turn: Turn, marker: RunMarker, command: OfferCorrelatedEvent, *, waits: bool, accepted: bool
) -> None:
    turn.news.append(MarkerNews(marker, waits, command.serial, accepted))


COMMAND = CommandType(
    OfferCorrelatedEvent, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
