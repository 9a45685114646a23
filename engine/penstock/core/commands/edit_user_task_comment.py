"""EditUserTaskComment: a comment on a user task says something else from now on."""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import UserTaskEventKind
from penstock.core.user_tasks.comments import check_comment, comment_of
from penstock.core.user_tasks.user_tasks import check_room, check_user, keep, note, of_command
from penstock.core.values.value import Value


class EditUserTaskComment(Command, frozen=True):
    """Which comment, by whom, and what it says now."""

    wf_run_id: str
    guid: str
    comment: int
    user_id: str
    text: str


def handle(turn: Turn, command: EditUserTaskComment) -> Value:
    """Change the text."""
    row = of_command(turn, command.wf_run_id, command.guid)
    user_id = check_user("user_id", command.user_id)
    check_comment(command.text)
    comment = comment_of(turn, row, command.comment)
    check_room(row)
    comment.text, comment.edited_ms = command.text, turn.at_ms
    turn.rows.put(comment)
    note(turn, row, UserTaskEventKind.COMMENT_EDITED, user_id=user_id, comment=comment.number)
    keep(turn, row)
    return {"comment": comment.number}


COMMAND = CommandType(EditUserTaskComment, handle, of_wf_run)
