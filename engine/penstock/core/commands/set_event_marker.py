"""SetEventMarker: a run tells the partition of a key whether it waits for events with that key, and
answers an offer.
"""

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.events import offers
from penstock.core.ids import partition_of
from penstock.core.state.correlation_rows import CorrelatedEvent, EventMarker, MarkerNews
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class SetEventMarker(Command, frozen=True):
    """The marker, whether it is to be there, and what the run says to the event of serial
    `answers`.
    """

    event_def: str
    key: str
    wf_run_id: str
    thread: int
    position: int
    since_ms: int
    waits: bool
    masked: bool = False
    answers: int | None = None
    accepted: bool = False


def send_news(turn: Turn) -> None:
    """Send what the turn has noted of markers, in order."""
    for news in turn.news:
        marker = news.marker
        target = partition_of(marker.event_key.encode(), turn.shard.partitions)
        turn.send(target, _command(news))
    turn.news.clear()


def handle(turn: Turn, command: SetEventMarker) -> Value:
    """Keep the marker or take it away, settle the offer, and make the next one."""
    marker = _set(turn, command)
    event = turn.rows.get(CorrelatedEvent, turn.tenant, command.event_def, command.key)
    if event is None:
        return None
    if event.serial == command.answers:
        if event.once and command.accepted:
            offers.forget(turn, event)
            return None
        offers.answered(event)
    offers.offer_again(turn, event, marker)
    return None


def _set(turn: Turn, command: SetEventMarker) -> EventMarker | None:
    """The marker as it is now; None if it is gone."""
    named = EventMarker(
        turn.tenant,
        command.event_def,
        command.key,
        command.since_ms,
        command.wf_run_id,
        command.thread,
        command.position,
        command.masked,
    )
    if not command.waits:
        turn.rows.delete(named)
        return None
    known = turn.rows.get(EventMarker, turn.tenant, named.event_def, named.event_key, *named.place)
    marker = known or named
    if command.answers is not None:
        marker.offered, marker.after = None, command.answers
    turn.rows.put(marker)
    return marker


def _command(news: MarkerNews) -> SetEventMarker:
    marker = news.marker
    return SetEventMarker(
        event_def=marker.event_def,
        key=marker.event_key,
        wf_run_id=marker.wf_run_id,
        thread=marker.thread,
        position=marker.position,
        since_ms=marker.since_ms,
        waits=news.waits,
        masked=marker.masked,
        answers=news.answers,
        accepted=news.accepted,
    )


COMMAND = CommandType(
    SetEventMarker, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
