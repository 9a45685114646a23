"""Rows of user tasks: the task itself, its audit, its comments, and the index by which it is found.

The audit and the comments are rows of their own, so that the hundredth of them costs what the first
did.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from penstock.core.state.facts import Fact
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.state.transitions import UserTaskStatus
from penstock.core.values.value import Value


class ActionTimer(Struct, array_like=True, frozen=True, gc=False):
    """A timer of an action of the node: which action, when, and the epoch in which it was set.
    A fenced one (ON_TASK_ASSIGNED) goes when the user task changes hands.
    """

    action: int
    epoch: int
    fenced: bool
    clock: int
    due_ms: int


class UserTaskRun(Row):
    """A form that waits for a person, or for anybody of a group. `epoch` counts how often it has
    changed hands; `results` are what was saved, and in the end what the node's output is.
    """

    KIND, SCOPE, KEY = b"U", Scope.RUN, ("tenant", "wf_run_id", "guid")

    tenant: str
    wf_run_id: str
    guid: str
    thread: int
    position: int
    user_task_def: str
    version: int
    status: UserTaskStatus
    scheduled_ms: int
    user_id: str | None = None
    user_group: str | None = None
    notes: str | None = None
    results: dict[str, Value] = {}
    epoch: int = 0
    ended_ms: int | None = None
    events: int = 0
    comments: int = 0
    timers: tuple[ActionTimer, ...] = ()
    history: tuple[Fact, ...] = ()
    spilled: int = 0
    masked_notes: bool = False


class UserTaskEventKind(StrEnum):
    """What the audit tells."""

    ASSIGNED = "ASSIGNED"
    SAVED = "SAVED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    TASK_EXECUTED = "TASK_EXECUTED"
    ACTION_FAILED = "ACTION_FAILED"
    COMMENT_ADDED = "COMMENT_ADDED"
    COMMENT_EDITED = "COMMENT_EDITED"
    COMMENT_DELETED = "COMMENT_DELETED"


class UserTaskEvent(Row):
    """One thing that happened to a user task: by whom (`principal`), and what it was about: who had
    it before and who has it now, the user who saved, completed or commented, the comment, the
    TaskRun of an action, or why an action could not be done.
    """

    KIND, SCOPE, KEY = b"E", Scope.RUN, ("tenant", "wf_run_id", "guid", "number")

    tenant: str
    wf_run_id: str
    guid: str
    number: int
    kind: UserTaskEventKind
    at_ms: int
    principal: str
    user_id: str | None = None
    user_group: str | None = None
    user_before: str | None = None
    group_before: str | None = None
    comment: int | None = None
    task: str | None = None
    message: str = ""


class UserTaskComment(Row):
    """What a user has remarked. A deleted comment keeps its number and loses its text."""

    KIND, SCOPE, KEY = b"M", Scope.RUN, ("tenant", "wf_run_id", "guid", "number")

    tenant: str
    wf_run_id: str
    guid: str
    number: int
    user_id: str
    text: str
    created_ms: int
    edited_ms: int | None = None
    deleted: bool = False


class FoundBy(StrEnum):
    """By what user tasks are found; the letters are in keys."""

    USER = "u"
    GROUP = "g"
    DEF = "d"
    STATUS = "s"


class UserTaskOf(Row):
    """Finds user tasks by user, group or UserTaskDef, and each by status; or by status alone (`of`
    is empty then). Only queries read it: nothing in the fold scans it.
    """

    KIND, SCOPE, KEY = (
        b"U",
        Scope.PARTITION,
        ("tenant", "by", "of", "status", "wf_run_id", "guid"),
    )

    tenant: str
    by: FoundBy
    of: str
    status: UserTaskStatus
    wf_run_id: str
    guid: str
