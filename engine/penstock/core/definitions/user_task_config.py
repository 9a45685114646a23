"""What a USER_TASK node says of actions: something that is done some time after the user task has
come, or has been assigned to a user.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.limits import (
    DURATION_MS_MAX,
    TASK_TIMEOUT_MS_DEFAULT,
)
from penstock.core.values.expressions import Expression


class Hook(StrEnum):
    """When the delay of an action begins."""

    ON_ARRIVAL = "ON_ARRIVAL"
    ON_TASK_ASSIGNED = "ON_TASK_ASSIGNED"


class Reminder(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A task that is handed out; the user task does not wait for it."""

    task_def: str
    inputs: dict[str, Expression] = {}
    timeout_ms: Annotated[int, Meta(ge=1, le=DURATION_MS_MAX)] = TASK_TIMEOUT_MS_DEFAULT


class Reassign(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who is to have the user task, if the one who had it has not completed it."""

    user_id: Expression | None = None
    user_group: Expression | None = None


class Cancel(Struct, frozen=True, forbid_unknown_fields=True):
    """The user task is cancelled."""


class ActionBody(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is done: exactly one of these."""

    task: Reminder | None = None
    reassign: Reassign | None = None
    cancel: Cancel | None = None


class UserTaskAction(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is done, and how many seconds after what."""

    hook: Hook
    action: ActionBody
    delay_seconds: Expression | float = 0.0
