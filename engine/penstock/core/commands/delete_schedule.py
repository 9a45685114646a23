"""DeleteSchedule: ends a schedule and forgets it. Runs that it has started go on."""

from penstock.core.command import Command, CommandType
from penstock.core.schedules.schedules import check_here, load_schedule, of_schedule, release
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteSchedule(Command, frozen=True):
    """Which schedule."""

    schedule_id: str


def handle(turn: Turn, command: DeleteSchedule) -> Value:
    """Nothing of it stays: no row, no timer, no question."""
    check_here(turn, command.schedule_id)
    schedule, state = load_schedule(turn, command.schedule_id)
    release(turn, state)
    turn.rows.delete(state)
    turn.rows.delete(schedule)
    return None


COMMAND = CommandType(DeleteSchedule, handle, of_schedule)
