"""When actions of user tasks are due: their delays, and the timers that are set for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from penstock.core.definitions.nodes import UserTaskNode
from penstock.core.definitions.user_task_config import Hook, UserTaskAction
from penstock.core.flow.at import At
from penstock.core.limits import DURATION_MS_MAX
from penstock.core.state.timers import Clock, TimerKind, clock_ms, set_timer
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import ActionTimer, UserTaskRun
from penstock.core.values.types import ValueProblem, ValueType


def of_hook(at: At, hook: Hook) -> Iterator[tuple[int, UserTaskAction]]:
    """The actions of a hook of the current node, with their numbers."""
    actions = cast("UserTaskNode", at.config).actions
    return ((number, one) for number, one in enumerate(actions) if one.hook is hook)


def delay_ms(at: At, action: UserTaskAction) -> int:
    """The delay of an action here, or ValueProblem."""
    delay = action.delay_seconds
    value: float | None
    if isinstance(delay, (int, float)):
        value = delay
    else:
        value = at.evaluate_as(delay, ValueType.DOUBLE, "delay_seconds")
    if value is None:
        raise ValueProblem("delay_seconds: there is none")
    if not 0 <= value * 1_000 <= DURATION_MS_MAX:
        raise ValueProblem(f"delay_seconds: {value} is not from 0 to {DURATION_MS_MAX // 1_000}")
    return int(value * 1_000)


def planned(at: At, hook: Hook) -> dict[int, int]:
    """The delays of the actions of a hook, by action, in milliseconds; or ValueProblem."""
    return {number: delay_ms(at, action) for number, action in of_hook(at, hook)}


def plan(turn: Turn, row: UserTaskRun, hook: Hook, delays: dict[int, int]) -> None:
    """Have actions done after their delays."""
    for number, delay in delays.items():
        due_ms = clock_ms(turn, Clock.DURATION) + delay
        set_timer(
            turn,
            TimerKind.USER_TASK,
            row.wf_run_id,
            clock=Clock.DURATION,
            due_ms=due_ms,
            detail=row.guid,
            number=number,
        )
        fenced = hook is Hook.ON_TASK_ASSIGNED
        timer = ActionTimer(number, row.epoch, fenced, Clock.DURATION, due_ms)
        row.timers = (*row.timers, timer)
