"""PutUserTaskComment: a user remarks something on a user task. Comments count from 1."""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import UserTaskComment, UserTaskEventKind
from penstock.core.user_tasks.comments import check_comment
from penstock.core.user_tasks.user_tasks import check_room, check_user, keep, note, of_command
from penstock.core.values.value import Value


class PutUserTaskComment(Command, frozen=True):
    """Who remarks what."""

    wf_run_id: str
    guid: str
    user_id: str
    text: str


def handle(turn: Turn, command: PutUserTaskComment) -> Value:
    """Keep the comment."""
    row = of_command(turn, command.wf_run_id, command.guid)
    user_id = check_user("user_id", command.user_id)
    check_comment(command.text)
    check_room(row)
    row.comments += 1
    comment = UserTaskComment(
        row.tenant,
        row.wf_run_id,
        row.guid,
        row.comments,
        user_id,
        command.text,
        turn.at_ms,
    )
    turn.rows.put(comment)
    note(turn, row, UserTaskEventKind.COMMENT_ADDED, user_id=user_id, comment=comment.number)
    keep(turn, row)
    return {"comment": comment.number}


COMMAND = CommandType(PutUserTaskComment, handle, of_wf_run)
