"""DeleteCorrelatedEvent: takes an event away from its key. Runs that have accepted it keep it, and
one that is being asked just now may still accept it.
"""

from penstock.core.command import Command, CommandType
from penstock.core.commands.put_correlated_event import check_place, of_event_key
from penstock.core.errors import Code, refuse
from penstock.core.events import offers
from penstock.core.state.correlation_rows import CorrelatedEvent
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteCorrelatedEvent(Command, frozen=True):
    """Which event, and its key."""

    event_def: str
    key: str


def handle(turn: Turn, command: DeleteCorrelatedEvent) -> Value:
    """Forget the event; who waits for the key goes on waiting."""
    check_place(turn, command.key)
    event = turn.rows.peek(CorrelatedEvent, turn.tenant, command.event_def, command.key)
    if event is None:
        refuse(
            Code.CORRELATED_EVENT_UNKNOWN,
            f"there is no {command.event_def!r} under the key {command.key!r}",
        )
    offers.forget(turn, event)
    return {"guid": event.guid}


COMMAND = CommandType(DeleteCorrelatedEvent, handle, of_event_key)
