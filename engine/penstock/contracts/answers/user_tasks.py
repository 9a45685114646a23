"""The forms of answers about user tasks, in the engine's own view. Tests hold every answer against
them.
"""

from __future__ import annotations

from typing import Any

from penstock.contracts.answers.common import Answer, Time
from penstock.contracts.answers.runs import FactShown
from penstock.core.state.transitions import UserTaskStatus
from penstock.core.state.user_task_rows import UserTaskEventKind


class UserTaskShown(Answer, frozen=True):
    """A UserTaskRun."""

    id: str
    wf_run_id: str
    guid: str
    thread: int
    position: int
    user_task_def: str
    version: int
    status: UserTaskStatus
    user_id: str | None
    user_group: str | None
    notes: str | None
    results: dict[str, Any]
    epoch: int
    scheduled_at: Time
    ended_at: Time | None
    history: list[FactShown]


class UserTaskEventShown(Answer, frozen=True):
    """An entry in the audit of a user task."""

    number: int
    kind: UserTaskEventKind
    at: Time
    principal: str
    user_id: str | None
    user_group: str | None
    user_before: str | None
    group_before: str | None
    comment: int | None
    task: str | None
    message: str


class CommentShown(Answer, frozen=True):
    """A comment on a user task."""

    number: int
    user_id: str
    text: str
    created_at: Time
    edited_at: Time | None
    deleted: bool
