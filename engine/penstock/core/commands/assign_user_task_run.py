"""AssignUserTaskRun: gives a user task to a user, to a group, or to a user of a group."""

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


class AssignUserTaskRun(Command, frozen=True):
    """Who is to have it: what is not named, it has no more. From a user it is taken only with
    `override_claim`.
    """

    wf_run_id: str
    guid: str
    user_id: str | None = None
    user_group: str | None = None
    override_claim: bool = False


def handle(turn: Turn, command: AssignUserTaskRun) -> Value:
    """Give it; who has it already keeps it."""
    row = of_command(turn, command.wf_run_id, command.guid)
    owner = _owner(command)
    if owner == (row.user_id, row.user_group):
        turn.repeated = True
        return answer(row)
    if row.user_id not in (None, owner.user_id) and not command.override_claim:
        refuse(
            Code.USER_TASK_CLAIMED,
            f"user task {row.guid} is assigned to {row.user_id!r}; use override_claim to take it",
        )
    check_room(row)
    hand_over(turn, row, owner)
    keep(turn, row)
    return answer(row)


def _owner(command: AssignUserTaskRun) -> Owner:
    if command.user_id is None and command.user_group is None:
        refuse(Code.BAD_VALUE, "name a user_id, a user_group, or both")
    if command.user_id is not None:
        check_user("user_id", command.user_id)
    if command.user_group is not None:
        check_user("user_group", command.user_group)
    return Owner(command.user_id, command.user_group)


COMMAND = CommandType(AssignUserTaskRun, handle, of_wf_run)
