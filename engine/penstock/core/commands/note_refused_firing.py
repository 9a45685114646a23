"""NoteRefusedFiring: the partition of a run says that what a schedule sent to it could not be
started.
"""

import msgspec

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.schedules.schedules import FiringOutcome, ScheduleState
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class NoteRefusedFiring(Command, frozen=True):
    """Which run of which schedule, and the code and message of the refusal."""

    schedule_id: str
    wf_run_id: str
    message: str


def handle(turn: Turn, command: NoteRefusedFiring) -> Value:
    """The firing was refused, if it is still kept: only the newest are, and a schedule may have
    gone meanwhile.
    """
    state = turn.rows.get(ScheduleState, turn.tenant, command.schedule_id)
    if state is None:
        return None
    state.firings = tuple(
        msgspec.structs.replace(one, outcome=FiringOutcome.REFUSED, message=command.message)
        if one.wf_run_id == command.wf_run_id
        else one
        for one in state.firings
    )
    turn.rows.put(state)
    return None


COMMAND = CommandType(
    NoteRefusedFiring, handle, of_partition_0, repeats=Repeats.HARMLESS, sender=Sender.ENGINE
)
