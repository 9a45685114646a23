"""BeginBulkPart: partition 0 has this one go over its runs for a bulk job."""

from __future__ import annotations

from penstock.core.bulk.parts import wait_for_turn
from penstock.core.bulk.rows import BulkCursor, BulkFilter, BulkPart
from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.state.timers import Clock, clock_ms
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class BeginBulkPart(Command, frozen=True):
    """The job, as far as it is this partition's."""

    bulk_id: str
    asked_ms: int
    asked_by: str
    filter: BulkFilter
    verb: str
    arguments: dict[str, Value] = {}
    dry_run: bool = False


def handle(turn: Turn, command: BeginBulkPart) -> Value:
    """Keep it; it begins in the next turn."""
    part = BulkPart(
        turn.tenant,
        command.bulk_id,
        turn.offset,
        command.asked_ms,
        command.asked_by,
        command.filter,
        command.verb,
        command.arguments,
        command.dry_run,
    )
    turn.rows.put(part)
    begun_ms = clock_ms(turn, Clock.PENDING)
    wait_for_turn(turn, BulkCursor(turn.tenant, command.bulk_id, 0, reported_ms=begun_ms))
    return None


COMMAND = CommandType(
    BeginBulkPart, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
