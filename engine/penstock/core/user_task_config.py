"""What a USER_TASK node says of actions: something that is done some time after the user task has
come, or has been assigned to a user.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from penstock.core.expressions import Expression, Literal
from penstock.core.ids import owner_problem
from penstock.core.limits import (
    DURATION_MS_MAX,
    TASK_TIMEOUT_MS_DEFAULT,
    USER_TASK_ACTIONS_MAX,
)
from penstock.core.task_inputs import check_inputs
from penstock.core.types import ValueType

if TYPE_CHECKING:
    from penstock.core.node_check import NodeCheck


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


def check_actions(check: NodeCheck, actions: tuple[UserTaskAction, ...]) -> None:
    """Each action does one thing that can be done."""
    if len(actions) > USER_TASK_ACTIONS_MAX:
        check.fault(f"{len(actions)} actions: a node may have {USER_TASK_ACTIONS_MAX}")
    for action in actions:
        _check_delay(check, action.delay_seconds)
        body = action.action
        if sum(part is not None for part in (body.task, body.reassign, body.cancel)) != 1:
            check.fault("an action is exactly one of task, reassign and cancel")
        if body.task is not None:
            check_inputs(check, body.task.task_def, body.task.inputs)
        if body.reassign is not None:
            check_owner(check, body.reassign.user_id, body.reassign.user_group)


def check_owner(check: NodeCheck, user: Expression | None, group: Expression | None) -> None:
    """A user or a group is given; what is said outright is an id."""
    if user is None and group is None:
        check.fault("neither user_id nor user_group is given; give one of them")
    for what, expression in (("user_id", user), ("user_group", group)):
        if expression is None:
            continue
        check.fits(expression, ValueType.STR, what)
        if isinstance(expression, Literal) and isinstance(expression.value, str):
            problem = owner_problem(what, expression.value)
            if problem is not None:
                check.fault(problem)


def expressions_of(actions: tuple[UserTaskAction, ...]) -> Iterator[Expression]:
    """All that actions evaluate."""
    for action in actions:
        if not isinstance(action.delay_seconds, (int, float)):
            yield action.delay_seconds
        if action.action.task is not None:
            yield from action.action.task.inputs.values()
        reassign = action.action.reassign
        if reassign is not None:
            given = (reassign.user_id, reassign.user_group)
            yield from (part for part in given if part is not None)


def _check_delay(check: NodeCheck, delay: Expression | float) -> None:
    if not isinstance(delay, (int, float)):
        check.fits(delay, ValueType.DOUBLE, "delay_seconds")
    elif not 0 <= delay * 1_000 <= DURATION_MS_MAX:
        check.fault(f"delay_seconds {delay} is not from 0 to {DURATION_MS_MAX // 1_000}")
