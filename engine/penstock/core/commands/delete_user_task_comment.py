"""DeleteUserTaskComment: a comment on a user task is not to be read any more."""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import UserTaskEventKind
from penstock.core.user_tasks.comments import comment_of
from penstock.core.user_tasks.user_tasks import check_room, check_user, keep, note, of_command
from penstock.core.values.value import Value


class DeleteUserTaskComment(Command, frozen=True):
    """Which comment, and by whom it is deleted."""

    wf_run_id: str
    guid: str
    comment: int
    user_id: str


def handle(turn: Turn, command: DeleteUserTaskComment) -> Value:
    """Forget the text; the number stays taken."""
    row = of_command(turn, command.wf_run_id, command.guid)
    user_id = check_user("user_id", command.user_id)
    comment = comment_of(turn, row, command.comment)
    check_room(row)
    comment.text, comment.deleted = "", True
    turn.rows.put(comment)
    note(turn, row, UserTaskEventKind.COMMENT_DELETED, user_id=user_id, comment=comment.number)
    keep(turn, row)
    return {"comment": comment.number}


COMMAND = CommandType(DeleteUserTaskComment, handle, of_wf_run)
