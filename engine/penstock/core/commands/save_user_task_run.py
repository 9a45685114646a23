"""SaveUserTaskRun: keeps what is filled in so far. It is shown, and is no part of the output."""

from enum import StrEnum

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.definitions.user_task_def import checked_size, some_results
from penstock.core.errors import Code, refuse
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import UserTaskEventKind
from penstock.core.user_tasks.user_tasks import (
    answer,
    check_room,
    check_user,
    form_of,
    keep,
    note,
    of_command,
)
from penstock.core.values.value import Value


class SavePolicy(StrEnum):
    """What is done if another user has the user task."""

    FAIL_IF_CLAIMED_BY_OTHER = "FAIL_IF_CLAIMED_BY_OTHER"
    IGNORE_CLAIM = "IGNORE_CLAIM"


class SaveUserTaskRun(Command, frozen=True):
    """Some of the fields, by whom. Fields that were saved before and are not named stay."""

    wf_run_id: str
    guid: str
    user_id: str
    results: dict[str, Value] = {}
    policy: SavePolicy = SavePolicy.FAIL_IF_CLAIMED_BY_OTHER


def handle(turn: Turn, command: SaveUserTaskRun) -> Value:
    """Keep the fields."""
    row = of_command(turn, command.wf_run_id, command.guid)
    user_id = check_user("user_id", command.user_id)
    others = row.user_id not in (None, user_id)
    if others and command.policy is SavePolicy.FAIL_IF_CLAIMED_BY_OTHER:
        refuse(
            Code.USER_TASK_CLAIMED,
            f"user task {row.guid} is assigned to {row.user_id!r}; use IGNORE_CLAIM to save anyway",
        )
    check_room(row)
    some = some_results(form_of(turn, row), command.results)
    row.results = checked_size({**row.results, **some})
    note(turn, row, UserTaskEventKind.SAVED, user_id=user_id)
    keep(turn, row)
    return answer(row)


COMMAND = CommandType(SaveUserTaskRun, handle, of_wf_run)
