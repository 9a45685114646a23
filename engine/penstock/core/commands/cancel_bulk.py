"""CancelBulk: a bulk job goes no further. What it has done stays done."""

from __future__ import annotations

from penstock.core.bulk.jobs import known_state
from penstock.core.bulk.rows import BULK_LIVE, BulkStatus
from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.end_bulk_part import EndBulkPart
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_guid
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class CancelBulk(Command, frozen=True):
    """Which job."""

    bulk_id: str


def handle(turn: Turn, command: CancelBulk) -> Value:
    """Tell every partition; the job has ended when all have said so."""
    state = known_state(turn, check_guid("bulk_id", command.bulk_id))
    if state.status is BulkStatus.CANCELLING:
        turn.repeated = True
        return {"bulk_id": state.bulk_id, "status": state.status}
    if state.status not in BULK_LIVE:
        refuse(Code.BULK_ENDED, f"bulk job {state.bulk_id!r} is {state.status}")
    state.status = BulkStatus.CANCELLING
    state.cancelled_by, state.cancelling_ms = turn.principal, turn.at_ms
    turn.rows.put(state)
    for number in range(turn.shard.partitions):
        turn.send(number, EndBulkPart(bulk_id=state.bulk_id))
    return {"bulk_id": state.bulk_id, "status": state.status}


COMMAND = CommandType(CancelBulk, handle, of_partition_0)
