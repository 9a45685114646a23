"""ReleaseUserTaskRun: gives a user task back to its group."""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.state.transitions import UserTaskStatus
from penstock.core.state.turn import Turn
from penstock.core.user_tasks.user_tasks import Owner, answer, check_room, give, keep, of_command
from penstock.core.values.value import Value


class ReleaseUserTaskRun(Command, frozen=True):
    """Which user task."""

    wf_run_id: str
    guid: str


def handle(turn: Turn, command: ReleaseUserTaskRun) -> Value:
    """Unassign it; without a group nobody would find it."""
    row = of_command(turn, command.wf_run_id, command.guid)
    if row.status is not UserTaskStatus.ASSIGNED:
        refuse(
            Code.USER_TASK_NOT_ASSIGNED,
            f"user task {row.guid} has no user; it is the group's, {row.user_group!r}",
        )
    if row.user_group is None:
        refuse(
            Code.USER_TASK_NO_GROUP,
            f"user task {row.guid} has no group to go back to; assign it to somebody else",
        )
    check_room(row)
    give(turn, row, Owner(None, row.user_group))
    keep(turn, row)
    return answer(row)


COMMAND = CommandType(ReleaseUserTaskRun, handle, of_wf_run)
