"""ClaimUserTaskRun: a user takes a user task that no other user has."""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.user_tasks.actions import hand_over
from penstock.core.user_tasks.user_tasks import (
    Owner,
    answer,
    check_room,
    check_user,
    keep,
    of_command,
)
from penstock.core.values.value import Value


class ClaimUserTaskRun(Command, frozen=True):
    """Who takes it. Its group stays."""

    wf_run_id: str
    guid: str
    user_id: str


def handle(turn: Turn, command: ClaimUserTaskRun) -> Value:
    """Assign it; who has it already may say so again."""
    row = of_command(turn, command.wf_run_id, command.guid)
    user_id = check_user("user_id", command.user_id)
    if row.user_id == user_id:
        turn.repeated = True
        return answer(row)
    if row.user_id is not None:
        refuse(
            Code.USER_TASK_CLAIMED,
            f"user task {row.guid} is assigned to {row.user_id!r}, who can release it",
        )
    check_room(row)
    hand_over(turn, row, Owner(user_id, row.user_group))
    keep(turn, row)
    return answer(row)


COMMAND = CommandType(ClaimUserTaskRun, handle, of_wf_run)
