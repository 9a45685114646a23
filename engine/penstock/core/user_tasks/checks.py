"""What can be seen to be wrong with a USER_TASK when its spec is registered."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.user_task_config import UserTaskAction
from penstock.core.ids import owner_problem
from penstock.core.limits import DURATION_MS_MAX, USER_TASK_ACTIONS_MAX
from penstock.core.tasks.inputs import check_inputs, check_secrets, expressions_in
from penstock.core.values.expressions import Expression, Literal
from penstock.core.values.types import ValueType


def check_actions(check: NodeCheck, actions: tuple[UserTaskAction, ...]) -> None:
    """Each action does one thing that can be done."""
    if len(actions) > USER_TASK_ACTIONS_MAX:
        check.fault(
            FaultKind.ACTION_COUNT,
            f"{len(actions)} actions: a node may have {USER_TASK_ACTIONS_MAX}",
        )
    for action in actions:
        _check_delay(check, action.delay_seconds)
        body = action.action
        if sum(part is not None for part in (body.task, body.reassign, body.cancel)) != 1:
            check.fault(
                FaultKind.ACTION_CHOICE, "an action is exactly one of task, reassign and cancel"
            )
        if body.task is not None:
            check_secrets(check, body.task.inputs)
            check_inputs(check, body.task.task_def, body.task.inputs)
        if body.reassign is not None:
            check_owner(check, body.reassign.user_id, body.reassign.user_group)


def check_owner(check: NodeCheck, user: Expression | None, group: Expression | None) -> None:
    """A user or a group is given; what is said outright is an id."""
    if user is None and group is None:
        check.fault(
            FaultKind.OWNER_MISSING, "neither user_id nor user_group is given; give one of them"
        )
    for what, expression in (("user_id", user), ("user_group", group)):
        if expression is None:
            continue
        check.fits(expression, ValueType.STR, what)
        if isinstance(expression, Literal) and isinstance(expression.value, str):
            problem = owner_problem(what, expression.value)
            if problem is not None:
                check.fault(FaultKind.BAD_OWNER, problem)


def expressions_of(actions: tuple[UserTaskAction, ...]) -> Iterator[Expression]:
    """All that actions evaluate."""
    for action in actions:
        if not isinstance(action.delay_seconds, (int, float)):
            yield action.delay_seconds
        if action.action.task is not None:
            yield from expressions_in(action.action.task.inputs)
        reassign = action.action.reassign
        if reassign is not None:
            given = (reassign.user_id, reassign.user_group)
            yield from (part for part in given if part is not None)


def _check_delay(check: NodeCheck, delay: Expression | float) -> None:
    if not isinstance(delay, (int, float)):
        check.fits(delay, ValueType.DOUBLE, "delay_seconds")
    elif not 0 <= delay * 1_000 <= DURATION_MS_MAX:
        check.fault(
            FaultKind.BAD_DELAY,
            f"delay_seconds {delay} is not from 0 to {DURATION_MS_MAX // 1_000}",
        )
