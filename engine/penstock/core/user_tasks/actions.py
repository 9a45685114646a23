"""Actions of user tasks: reminders, reassignments and cancellations that are due some time after
the user task has come, or has been assigned to a user.

An action that can not be done (its inputs can not be had, its TaskDef is gone) is told in the
audit, and the user task goes on: a person may be filling it in. A timer that the row does not know
does nothing.
"""

from __future__ import annotations

from typing import cast

from penstock.core.definitions.defs import TaskDef
from penstock.core.definitions.nodes import UserTaskNode
from penstock.core.definitions.user_task_config import ActionBody, Hook, Reassign, Reminder
from penstock.core.flow.agenda import wake
from penstock.core.flow.at import At
from penstock.core.flow.load import load
from penstock.core.ids import derive_guid
from penstock.core.limits import USER_TASK_EVENTS_MAX
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import TaskAttempt, TaskRun
from penstock.core.state.timers import Timer
from penstock.core.state.transitions import (
    THREAD_LIVE,
    USER_TASK_LIVE,
    TaskEvent,
    TaskStatus,
    UserTaskStatus,
)
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import ActionTimer, UserTaskEventKind, UserTaskRun
from penstock.core.tasks.attempts import end_attempt
from penstock.core.tasks.inputs import inputs_of
from penstock.core.tasks.tasks import send
from penstock.core.user_tasks.plans import delay_ms, of_hook, plan
from penstock.core.user_tasks.user_tasks import Owner, cancel, drop_from, give, keep, note, owner_at
from penstock.core.values.types import ValueProblem


def hand_over(turn: Turn, row: UserTaskRun, owner: Owner) -> None:
    """The user task changes hands while it waits; the actions of an assignment begin anew."""
    give(turn, row, owner)
    if owner.user_id is None:
        return
    at = load(turn, row.wf_run_id, row.thread)
    for number, action in of_hook(at, Hook.ON_TASK_ASSIGNED):
        try:
            plan(turn, row, Hook.ON_TASK_ASSIGNED, {number: delay_ms(at, action)})
        except ValueProblem as problem:
            _note_failed(turn, row, number, str(problem))


def action_due(turn: Turn, timer: Timer) -> None:
    """The time of an action has come."""
    row = turn.rows.get(UserTaskRun, turn.tenant, timer.wf_run_id, timer.detail)
    if row is None or row.status not in USER_TASK_LIVE:
        return
    known = [one for one in row.timers if one.action == timer.number]
    known = [one for one in known if (one.clock, one.due_ms) == (timer.clock, timer.due_ms)]
    at = load(turn, row.wf_run_id, row.thread)
    if not known or at.thread.status not in THREAD_LIVE:
        return
    drop_from(row, known)
    ends = _body(at, timer.number).cancel is not None
    if row.events < USER_TASK_EVENTS_MAX or ends:  # others may call for each other for ever
        try:
            _do(at, row, known[0])
        except ValueProblem as problem:
            _note_failed(turn, row, timer.number, str(problem))
    keep(turn, row)


def send_held_reminder(turn: Turn, task: TaskRun) -> None:
    """The topic of a reminder is ready; one whose user task has ended meanwhile is not sent."""
    row = turn.rows.peek(UserTaskRun, task.tenant, task.wf_run_id, task.user_task or "")
    if row is not None and row.status in USER_TASK_LIVE:
        send(load(turn, task.wf_run_id, task.thread), task)
    else:
        failure = Failure(FailureName.TASK_CANCELLED, "its user task has ended")
        end_attempt(turn, task, TaskEvent.CANCEL, output=None, failure=failure)


def _do(at: At, row: UserTaskRun, timer: ActionTimer) -> None:
    body = _body(at, timer.action)
    if body.task is not None:
        _remind(at, row, body.task)
    elif body.reassign is not None:
        _reassign(at, row, timer, body.reassign)
    else:
        cancel(at.turn, row)
        wake(at.turn, row.wf_run_id, row.thread)


def _body(at: At, number: int) -> ActionBody:
    """What an action of the current node does."""
    return cast("UserTaskNode", at.config).actions[number].action


def _remind(at: At, row: UserTaskRun, reminder: Reminder) -> None:
    """Hand out a task that is bound to no node: its end matters to nobody here."""
    turn = at.turn
    task_def = turn.rows.peek(TaskDef, turn.tenant, reminder.task_def)
    if task_def is None:
        raise ValueProblem(f"TaskDef {reminder.task_def!r} does not exist any more")
    inputs = inputs_of(at, task_def, reminder.inputs)
    born = (turn.shard.partition, at.run.born_offset, row.wf_run_id, row.thread, row.position)
    task = TaskRun(
        turn.tenant,
        row.wf_run_id,
        derive_guid(*born, "reminder", row.events),
        row.thread,
        row.position,
        reminder.task_def,
        TaskStatus.TASK_PENDING,
        1,
        reminder.timeout_ms,
        None,
        inputs.values,
        TaskAttempt(1, TaskStatus.TASK_PENDING, turn.at_ms),
        user_task=row.guid,
        secrets=inputs.secrets,
        masked=inputs.masked,
    )
    send(at, task)
    note(turn, row, UserTaskEventKind.TASK_EXECUTED, task=task.guid)


def _reassign(at: At, row: UserTaskRun, timer: ActionTimer, reassign: Reassign) -> None:
    """A deadline is for the one who had the user task when it was set."""
    if row.status is not UserTaskStatus.ASSIGNED or row.epoch != timer.epoch:
        return
    owner = owner_at(at, reassign.user_id, reassign.user_group)
    if owner != (row.user_id, row.user_group):
        hand_over(at.turn, row, owner)


def _note_failed(turn: Turn, row: UserTaskRun, number: int, message: str) -> None:
    message = f"action {number}: {message}"
    note(turn, row, UserTaskEventKind.ACTION_FAILED, message=message)
