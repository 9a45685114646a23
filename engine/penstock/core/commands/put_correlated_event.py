"""PutCorrelatedEvent: puts an event under a key, for the runs that wait for that key, now or later.

It lies on the partition of its key until its time is over, or, if its definition says so, until the
first run has taken it. One of a kind that is not kept is refused if no run waits for its key, and
goes when all who wait have been asked and have answered.
"""

from itertools import islice
from typing import Any, Final

from penstock.core.command import Command, CommandType
from penstock.core.definitions.defs import Correlation, ExternalEventDef
from penstock.core.errors import Code, refuse
from penstock.core.events import offers
from penstock.core.events.placing import derived_event_guid, fitting_content
from penstock.core.ids import check_guid, correlation_key_problem, partition_of
from penstock.core.limits import DURATION_MS_MAX
from penstock.core.state.correlation_rows import CorrelatedEvent, EventMarker
from penstock.core.state.first_answer import FirstAnswer, first_answer
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

LOOK_MAX: Final = 1_000
TTL_SECONDS_MAX = DURATION_MS_MAX // 1_000


class PutCorrelatedEvent(Command, frozen=True):
    """Which event, and its key; `guid` is the client's idempotency key (one is derived if it gives
    none); `ttl_seconds` is instead of the definition's.
    """

    event_def: str
    key: str
    content: Value = None
    guid: str | None = None
    ttl_seconds: int | None = None


def handle(turn: Turn, command: PutCorrelatedEvent) -> Value:
    """Keep the event, and offer it to whoever waits for it."""
    event_def, correlation = _definition(turn, command.event_def)
    content = fitting_content(turn, event_def, command.content)
    guid = None if command.guid is None else check_guid("guid", command.guid)
    ttl_seconds = check_ttl(command.ttl_seconds)
    if _known(turn, command) is not None:
        refuse(
            Code.ALREADY_EXISTS,
            f"there is another {command.event_def!r} under the key {command.key!r}; put this one"
            " when that has been taken, is over or is deleted",
        )
    ttl_seconds = correlation.ttl_seconds if ttl_seconds is None else ttl_seconds
    is_kept = ttl_seconds is not None or event_def.is_kept
    if not is_kept:
        _check_awaited(turn, command)
    event = CorrelatedEvent(
        turn.tenant,
        command.event_def,
        command.key,
        guid or derived_event_guid(turn),
        content,
        turn.offset,
        correlation.delete_after_first,
        turn.at_ms,
        unanswered=None if is_kept else 0,
    )
    if ttl_seconds is not None:
        offers.set_expiry(turn, event, ttl_seconds * 1_000)
    body: Value = {"guid": event.guid}
    event.first = first_answer(command, turn.command_id, body)
    offers.offer(turn, event)
    return body


def first(turn: Turn, command: PutCorrelatedEvent) -> FirstAnswer | None:
    """What was answered when the event that lies under the key was put."""
    known = _known(turn, command)
    return None if known is None else known.first


def _known(turn: Turn, command: PutCorrelatedEvent) -> CorrelatedEvent | None:
    check_place(turn, command.key)
    return turn.rows.peek(CorrelatedEvent, turn.tenant, command.event_def, command.key)


def _check_awaited(turn: Turn, command: PutCorrelatedEvent) -> None:
    """Refuse an event for which nobody waits. Who has not answered whether it takes an earlier one,
    which is gone by now, can not be asked.
    """
    waiting = turn.rows.scan(EventMarker, turn.tenant, command.event_def, command.key)
    if all(marker.offered is not None for marker in islice(waiting, LOOK_MAX)):
        refuse(
            Code.EVENT_NOT_AWAITED,
            f"no run waits for {command.event_def!r} with the key {command.key!r}, and events of"
            " this kind are not kept; put it once one waits, or give it `ttl_seconds`",
        )


def check_place(turn: Turn, key: str) -> None:
    """Refuse a key that no event can have, and one whose partition is another."""
    problem = correlation_key_problem(key)
    if problem is not None:
        refuse(Code.BAD_ID, problem)
    owner = partition_of(key.encode(), turn.shard.partitions)
    if owner != turn.shard.partition:
        refuse(Code.WRONG_PARTITION, f"the key {key!r} belongs on partition {owner}")


def check_ttl(ttl_seconds: int | None) -> int | None:
    """Refuse a time to live that is none."""
    if ttl_seconds is not None and not 1 <= ttl_seconds <= TTL_SECONDS_MAX:
        refuse(Code.BAD_VALUE, f"ttl_seconds is {ttl_seconds}; use 1 to {TTL_SECONDS_MAX}")
    return ttl_seconds


def of_event_key(command: Any) -> str | None:
    """The record key is the event's."""
    return command.key


def _definition(turn: Turn, name: str) -> tuple[ExternalEventDef, Correlation]:
    event_def = turn.rows.peek(ExternalEventDef, turn.tenant, name)
    if event_def is None:
        refuse(Code.EVENT_DEF_UNKNOWN, f"there is no ExternalEventDef {name!r}")
    if event_def.correlation is None:
        refuse(
            Code.EVENT_DEF_NOT_CORRELATED,
            f"ExternalEventDef {name!r} has no `correlation`: its events are put to runs by id",
        )
    return event_def, event_def.correlation


COMMAND = CommandType(PutCorrelatedEvent, handle, of_event_key, first=first)
