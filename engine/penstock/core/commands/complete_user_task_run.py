"""CompleteUserTaskRun: the form is filled in, and its run goes on."""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.definitions.user_task_def import all_results
from penstock.core.errors import Code, refuse
from penstock.core.flow.agenda import wake
from penstock.core.state.transitions import UserTaskStatus
from penstock.core.state.turn import Turn
from penstock.core.user_tasks.user_tasks import (
    Owner,
    answer,
    check_user,
    complete,
    form_of,
    give,
    keep,
    of_command,
)
from penstock.core.values.value import Value


class CompleteUserTaskRun(Command, frozen=True):
    """The whole form, by whom. What another user has is completed only with `override`; then it is
    the completing user's.
    """

    wf_run_id: str
    guid: str
    user_id: str
    results: dict[str, Value] = {}
    override: bool = False


def handle(turn: Turn, command: CompleteUserTaskRun) -> Value:
    """Check the form, and have the thread go on; one that is halted does so when it runs again."""
    row = of_command(turn, command.wf_run_id, command.guid)
    user_id = check_user("user_id", command.user_id)
    if row.status is not UserTaskStatus.ASSIGNED:
        refuse(
            Code.USER_TASK_NOT_ASSIGNED,
            f"user task {row.guid} has no user; claim it or assign it first",
        )
    if row.user_id != user_id and not command.override:
        refuse(
            Code.USER_TASK_CLAIMED,
            f"user task {row.guid} is assigned to {row.user_id!r}; use override to complete it",
        )
    results = all_results(form_of(turn, row), command.results)
    if row.user_id != user_id:
        give(turn, row, Owner(user_id, row.user_group))
    complete(turn, row, results)
    keep(turn, row)
    wake(turn, row.wf_run_id, row.thread)
    return answer(row)


COMMAND = CommandType(CompleteUserTaskRun, handle, of_wf_run)
