"""Comments on user tasks: what one may say, and the one that a command speaks of."""

from penstock.core.errors import Code, refuse
from penstock.core.limits import TEXT_CHARS_MAX
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import UserTaskComment, UserTaskRun


def check_comment(text: str) -> None:
    """Refuse a comment that says nothing, or too much."""
    if not text.strip():
        refuse(Code.BAD_VALUE, "a comment can't be empty")
    if len(text) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"a comment may have {TEXT_CHARS_MAX} characters")


def comment_of(turn: Turn, row: UserTaskRun, number: int) -> UserTaskComment:
    """A copy of a comment; refuses one that is unknown or deleted."""
    comment = None
    if 1 <= number <= row.comments:
        comment = turn.rows.get(UserTaskComment, row.tenant, row.wf_run_id, row.guid, number)
    if comment is None:
        refuse(Code.COMMENT_UNKNOWN, f"user task {row.guid} has no comment {number}")
    if comment.deleted:
        refuse(Code.COMMENT_DELETED, f"comment {number} of user task {row.guid} is deleted")
    return comment
