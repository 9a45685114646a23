"""PauseSchedule: pauses a schedule, or has it go on from now; one that has failed goes on too."""

from penstock.core.command import Command, CommandType
from penstock.core.errors import Code, refuse
from penstock.core.schedules.schedules import (
    ScheduleStatus,
    check_here,
    go_on,
    load_schedule,
    note_pause,
    of_schedule,
    stop,
)
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class PauseSchedule(Command, frozen=True):
    """Which schedule; `paused` false lets it go on."""

    schedule_id: str
    paused: bool = True


def handle(turn: Turn, command: PauseSchedule) -> Value:
    """What was due while it was paused is not missed: it was not wanted."""
    check_here(turn, command.schedule_id)
    schedule, state = load_schedule(turn, command.schedule_id)
    if state.status is ScheduleStatus.ENDED:
        refuse(Code.SCHEDULE_ENDED, f"schedule {command.schedule_id!r} has ended")
    if command.paused and state.status is not ScheduleStatus.PAUSED:
        note_pause(turn, state, paused=True)
        stop(turn, state, ScheduleStatus.PAUSED)
    elif not command.paused and state.status is not ScheduleStatus.ACTIVE:
        state.status, state.reason, state.caught_up = ScheduleStatus.ACTIVE, "", 0
        note_pause(turn, state, paused=False)
        state.after_ms = max(state.after_ms, turn.at_ms)
        go_on(turn, schedule, state)
    return {"status": state.status}


COMMAND = CommandType(PauseSchedule, handle, of_schedule)
