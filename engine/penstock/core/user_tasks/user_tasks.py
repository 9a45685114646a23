"""UserTaskRuns: how one is made, changes hands and ends; its audit, and the index by which it is
found.

A function here changes the caller's copy of the row; `keep` writes it, with its index, and tells
the outside. The node looks at the row when its thread is visited.
"""

from __future__ import annotations

from typing import NamedTuple

from penstock.core.definitions.user_task_def import UserTaskDef, find_user_task_def
from penstock.core.errors import Code, refuse
from penstock.core.flow.at import At, peek_thread
from penstock.core.ids import owner_problem, visit_id
from penstock.core.limits import USER_TASK_EVENTS_MAX
from penstock.core.state.history import note as note_fact
from penstock.core.state.outputs import UserTaskRunChanged
from penstock.core.state.run import TimerKey, WfRun
from penstock.core.state.timers import TimerKind, drop_timer
from penstock.core.state.transitions import (
    THREAD_LIVE,
    USER_TASK,
    USER_TASK_LIVE,
    UserTaskMove,
    UserTaskStatus,
    move,
)
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import (
    ActionTimer,
    UserTaskEvent,
    UserTaskEventKind,
    UserTaskRun,
)
from penstock.core.user_tasks.counts import count_status
from penstock.core.user_tasks.index import index
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueProblem, ValueType
from penstock.core.values.value import Value


class Owner(NamedTuple):
    """Who has a user task: a user, anybody of a group, or a user of a group."""

    user_id: str | None
    user_group: str | None


def owner_at(at: At, user: Expression | None, group: Expression | None) -> Owner:
    """Whom the expressions name here; ValueProblem if nobody."""
    owner = Owner(_id_at(at, "user_id", user), _id_at(at, "user_group", group))
    if owner == (None, None):
        raise ValueProblem("Invalid user task assignment: neither user_id nor user_group is there")
    return owner


def create(at: At, form: UserTaskDef, owner: Owner, notes: str | None) -> UserTaskRun:
    """The user task of the current node."""
    turn, run, node_run = at.turn, at.run, at.node_run
    guid = visit_id(
        turn.shard.partition, run.born_offset, run.wf_run_id, node_run.thread, node_run.position
    )
    node_run.progress = {"user_task": guid}
    row = UserTaskRun(
        turn.tenant,
        run.wf_run_id,
        guid,
        node_run.thread,
        node_run.position,
        form.name,
        form.version,
        UserTaskStatus.UNASSIGNED,
        turn.at_ms,
        notes=notes,
    )
    give(turn, row, owner)
    return row


def of_node(at: At) -> UserTaskRun | None:
    """The user task of the current node, if it has begun one."""
    if at.node_run.progress is None:
        return None
    guid: str = at.node_run.progress["user_task"]
    row = at.turn.rows.get(UserTaskRun, at.turn.tenant, at.run.wf_run_id, guid)
    assert row is not None, "a USER_TASK node run that has begun has a UserTaskRun"
    return row


def of_command(turn: Turn, wf_run_id: str, guid: str, *, ending: bool = False) -> UserTaskRun:
    """The user task that a command speaks of; refuses one that is unknown or has ended. One whose
    thread has ended without it can only be cancelled.
    """
    if turn.rows.peek(WfRun, turn.tenant, wf_run_id) is None:
        refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {wf_run_id!r}")
    row = turn.rows.get(UserTaskRun, turn.tenant, wf_run_id, guid)
    if row is None:
        refuse(Code.USER_TASK_UNKNOWN, f"WfRun {wf_run_id!r} has no UserTaskRun {guid!r}")
    if row.status not in USER_TASK_LIVE:
        refuse(Code.USER_TASK_ENDED, f"user task {guid} is {row.status}; nothing can be done to it")
    if ending:
        return row
    thread = peek_thread(turn, wf_run_id, row.thread)
    if thread is None or thread.status not in THREAD_LIVE:
        refuse(Code.WF_RUN_ENDED, f"thread {row.thread} of {wf_run_id!r} has ended; cancel {guid}")
    return row


def check_room(row: UserTaskRun) -> None:
    """Refuse one more entry in the audit where it is full; what ends a user task may always."""
    if row.events >= USER_TASK_EVENTS_MAX:
        refuse(
            Code.LIMIT,
            f"{row.events} things have happened to user task {row.guid}; complete or cancel it",
        )


def check_user(what: str, text: str) -> str:
    """Refuse what can be no id of a user or a group."""
    problem = owner_problem(what, text)
    if problem is not None:
        refuse(Code.BAD_ID, problem)
    return text


def form_of(turn: Turn, row: UserTaskRun) -> UserTaskDef:
    """The form of a user task."""
    form = find_user_task_def(turn.rows, turn.tenant, row.user_task_def, row.version)
    assert form is not None, "a form that is deleted stays, marked"
    return form


def give(turn: Turn, row: UserTaskRun, owner: Owner) -> None:
    """The user task changes hands: what was planned for the one who had it is off."""
    note(
        turn,
        row,
        UserTaskEventKind.ASSIGNED,
        user_id=owner.user_id,
        user_group=owner.user_group,
        user_before=row.user_id,
        group_before=row.user_group,
    )
    row.user_id, row.user_group = owner
    row.epoch += 1
    _drop_timers(turn, row, [timer for timer in row.timers if timer.fenced])
    _move(turn, row, UserTaskMove.RELEASE if owner.user_id is None else UserTaskMove.ASSIGN)


def complete(turn: Turn, row: UserTaskRun, results: dict[str, Value]) -> None:
    """The form is filled in."""
    row.results = results
    _end(turn, row, UserTaskMove.COMPLETE)
    note(turn, row, UserTaskEventKind.COMPLETED, user_id=row.user_id, user_group=row.user_group)


def cancel(turn: Turn, row: UserTaskRun) -> None:
    """Nobody is to fill the form in any more."""
    _end(turn, row, UserTaskMove.CANCEL)
    note(turn, row, UserTaskEventKind.CANCELLED)


def note(
    turn: Turn,
    row: UserTaskRun,
    kind: UserTaskEventKind,
    *,
    user_id: str | None = None,
    user_group: str | None = None,
    user_before: str | None = None,
    group_before: str | None = None,
    comment: int | None = None,
    task: str | None = None,
    message: str = "",
) -> None:
    """One more entry in the audit."""
    event = UserTaskEvent(
        row.tenant,
        row.wf_run_id,
        row.guid,
        row.events,
        kind,
        turn.at_ms,
        turn.principal,
        user_id,
        user_group,
        user_before,
        group_before,
        comment,
        task,
        message,
    )
    row.events += 1
    turn.rows.put(event)


def keep(turn: Turn, row: UserTaskRun) -> None:
    """Write the row and its index; tell the outside if it has another owner or status."""
    before = turn.rows.peek(UserTaskRun, row.tenant, row.wf_run_id, row.guid)
    if before is None or (before.status, before.epoch) != (row.status, row.epoch):
        index(turn, before, row)
        count_status(turn, before, row)
        _tell(turn, row)
    turn.rows.put(row)


def forget(turn: Turn, row: UserTaskRun) -> None:
    """The run is being deleted: what lies apart from its rows goes, too."""
    _drop_timers(turn, row, list(row.timers))
    index(turn, row, None)


def answer(row: UserTaskRun) -> Value:
    """What the sender of a command is told."""
    return {"status": row.status, "user_id": row.user_id, "user_group": row.user_group}


def drop_from(row: UserTaskRun, gone: list[ActionTimer]) -> None:
    """The row knows these timers no more."""
    row.timers = tuple(timer for timer in row.timers if timer not in gone)


def _id_at(at: At, what: str, expression: Expression | None) -> str | None:
    if expression is None:
        return None
    try:
        text: str | None = at.evaluate_as(expression, ValueType.STR, what)
    except ValueProblem as problem:
        raise ValueProblem(f"Invalid user task assignment: {what}: {problem}") from problem
    problem = None if text is None else owner_problem(what, text)
    if problem is not None:
        raise ValueProblem(f"Invalid user task assignment: {problem}")
    return text


def _end(turn: Turn, row: UserTaskRun, event: UserTaskMove) -> None:
    _move(turn, row, event)
    row.ended_ms = turn.at_ms
    _drop_timers(turn, row, list(row.timers))


def _move(turn: Turn, row: UserTaskRun, event: UserTaskMove) -> None:
    row.status = move(USER_TASK, row.status, event)
    note_fact(turn, row, row.status)


def _drop_timers(turn: Turn, row: UserTaskRun, gone: list[ActionTimer]) -> None:
    for timer in gone:
        drop_timer(
            turn,
            TimerKey(timer.clock, timer.due_ms),
            TimerKind.USER_TASK,
            row.wf_run_id,
            detail=row.guid,
            number=timer.action,
        )
    drop_from(row, gone)


def _tell(turn: Turn, row: UserTaskRun) -> None:
    turn.tell(
        row.wf_run_id,
        UserTaskRunChanged(
            wf_run_id=row.wf_run_id,
            guid=row.guid,
            user_task_def=row.user_task_def,
            version=row.version,
            status=row.status,
            user_id=row.user_id,
            user_group=row.user_group,
            at_ms=turn.at_ms,
        ),
    )
