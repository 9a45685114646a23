"""EndBulkPart: a bulk job was cancelled; this partition does nothing more for it."""

from __future__ import annotations

from penstock.core.bulk.parts import stop_waiting
from penstock.core.bulk.rows import BulkCursor
from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.commands.bulk_progress import end_part
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class EndBulkPart(Command, frozen=True):
    """Which job."""

    bulk_id: str


def handle(turn: Turn, command: EndBulkPart) -> Value:
    """Tell how far it has come; a partition that is through has told already."""
    cursor = turn.rows.get(BulkCursor, turn.tenant, command.bulk_id)
    if cursor is not None:
        stop_waiting(turn, cursor)
        end_part(turn, cursor)
    return None


COMMAND = CommandType(
    EndBulkPart, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
