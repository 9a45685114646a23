"""What each command needs leave for, and whether its principal has it.

The gateway asks by this table before it sends a command, and the fold asks again: it alone knows of
which spec a run is, and it holds whatever gateway a command came through. Commands of the engine
need nothing; neither does who has no row (see definitions/principals.py).

Rule: where a grant names names, what is not there and what may not be touched are told the same;
but a worker, who was given a task, is told that he has lost his grant for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

from msgspec import Struct

from penstock.core.command import Command, Sender
from penstock.core.commands import COMMANDS
from penstock.core.definitions.principals import (
    Action,
    Grant,
    Resource,
    leave_of,
    may,
    may_some,
)
from penstock.core.errors import Code, Reject
from penstock.core.schedules.schedules import Schedule
from penstock.core.state.rows import Rows
from penstock.core.state.run import TaskRun, WfRun
from penstock.core.state.turn import Turn
from penstock.core.state.user_task_rows import UserTaskRun


class Denied(Reject):
    """The principal may not. It is not remembered: a command id may be another principal's."""


Said = Callable[[Any], str | None]
"""The name that a command says; None: it is about all, by whatever name."""
Found = Callable[[Rows, str, Any], str | None]
"""The name that stands in a row; None: there is no such row."""


class Need(Struct, frozen=True):
    """Leave that a command needs; with `when`, only some do, and `about` says for what. The name of
    that stands in the command, or in a row (`found`), and then `unknown` is what is said if there
    is none. With `is_told` who may not hears that, though it tells that it is there: its id can not
    be guessed.
    """

    action: Action
    resource: Resource
    said: Said | None = None
    found: Found | None = None
    unknown: Callable[[Any], tuple[Code, str]] | None = None
    is_told: bool = False
    when: Callable[[Any], bool] | None = None
    about: str = ""


def check_sent(grants: Iterable[Grant], tenant: str, command: Command) -> None:
    """Refuse what can be seen without looking at rows; raises Denied."""
    for need in NEEDS[type(command)]:
        _check(grants, tenant, command, need, None)


def check_permission(turn: Turn, command: Command) -> None:
    """Refuse what the principal of the command may not do; raises Denied."""
    needs = NEEDS.get(type(command))
    grants = None if needs is None else leave_of(turn.rows, turn.principal)
    if needs is None or grants is None:
        return
    for need in needs:
        _check(grants, turn.tenant, command, need, turn.rows)


def denied(action: Action, resource: Resource, tenant: str, name: str | None = None) -> Denied:
    """The refusal."""
    what = "" if name is None else f" {name[:128]!r}"
    return Denied(
        Code.PERMISSION_DENIED,
        f"no grant for {action} of {resource}{what} in tenant {tenant!r}; whoever puts principals"
        " can give it",
    )


def _check(
    grants: Iterable[Grant], tenant: str, command: Command, need: Need, rows: Rows | None
) -> None:
    if need.when is not None and not need.when(command):
        return
    if not may_some(grants, need.action, need.resource, tenant):
        raise denied(need.action, need.resource, tenant)
    if may(grants, need.action, need.resource, tenant, None):
        return
    if need.found is None:
        name = None if need.said is None else need.said(command)
        if not may(grants, need.action, need.resource, tenant, name):
            raise denied(need.action, need.resource, tenant, name)
    elif rows is not None:
        name = need.found(rows, tenant, command)
        if name is not None and may(grants, need.action, need.resource, tenant, name):
            return
        if name is None or not need.is_told:
            assert need.unknown is not None, "what is looked up may be unknown"
            raise Denied(*need.unknown(command))
        raise denied(need.action, need.resource, tenant, name)


# --- the names ------------------------------------------------------------------------------------


def _name(command: Any) -> str:
    return command.name


def _spec_of_run(rows: Rows, tenant: str, command: Any) -> str | None:
    run = rows.peek(WfRun, tenant, command.wf_run_id)
    return None if run is None else run.wf_spec


def _spec_above(rows: Rows, tenant: str, command: Any) -> str | None:
    run = rows.peek(WfRun, tenant, command.parent)
    return None if run is None else run.wf_spec


def _spec_inherited(command: Any) -> str | None:
    """As it is given: whether it has the form of a spec is seen later."""
    if not isinstance(command.spec, dict):
        return None
    parent = cast("dict[str, Any]", command.spec).get("parent")
    return parent if isinstance(parent, str) else None


def _task_def(rows: Rows, tenant: str, command: Any) -> str | None:
    task = rows.peek(TaskRun, tenant, command.wf_run_id, command.guid)
    return None if task is None else task.task_def


def _user_task_def(rows: Rows, tenant: str, command: Any) -> str | None:
    user_task = rows.peek(UserTaskRun, tenant, command.wf_run_id, command.guid)
    return None if user_task is None else user_task.user_task_def


def _spec_of_schedule(rows: Rows, tenant: str, command: Any) -> str | None:
    schedule = rows.peek(Schedule, tenant, command.schedule_id)
    return None if schedule is None else schedule.wf_spec


def _no_run(command: Any) -> tuple[Code, str]:
    return Code.WF_RUN_UNKNOWN, f"there is no WfRun {command.wf_run_id!r}"


def _no_parent(command: Any) -> tuple[Code, str]:
    return Code.WF_RUN_UNKNOWN, f"there is no WfRun {command.parent!r} to be the parent"


def _no_task(command: Any) -> tuple[Code, str]:
    what = f"WfRun {command.wf_run_id!r} has no TaskRun {command.guid!r}"
    return Code.TASK_RUN_UNKNOWN, what


def _no_user_task(command: Any) -> tuple[Code, str]:
    what = f"WfRun {command.wf_run_id!r} has no UserTaskRun {command.guid!r}"
    return Code.USER_TASK_UNKNOWN, what


def _no_schedule(command: Any) -> tuple[Code, str]:
    return Code.SCHEDULE_UNKNOWN, f"there is no schedule {command.schedule_id!r}"


def _runs(said: Said) -> Need:
    return Need(Action.RUN, Resource.WORKFLOW, said)


def _writes(resource: Resource, said: Said | None = _name) -> tuple[Need, ...]:
    return (Need(Action.WRITE_METADATA, resource, said),)


# --- the table ------------------------------------------------------------------------------------

RUN_VERB: Final = Need(Action.RUN, Resource.WORKFLOW, found=_spec_of_run, unknown=_no_run)
TASK_WORD: Final = Need(Action.RUN, Resource.TASK, found=_task_def, unknown=_no_task, is_told=True)
FORM: Final = Need(Action.RUN, Resource.USER_TASK, found=_user_task_def, unknown=_no_user_task)
SCHEDULED: Final = Need(
    Action.RUN, Resource.WORKFLOW, found=_spec_of_schedule, unknown=_no_schedule
)
BELOW: Final = Need(
    Action.RUN,
    Resource.WORKFLOW,
    found=_spec_above,
    unknown=_no_parent,
    when=lambda command: command.parent is not None,
    about="for the run above, if it names one",
)
"""A run takes room in the family that it comes into, and reads what it inherits there."""
INHERITS: Final = Need(
    Action.WRITE_METADATA,
    Resource.WORKFLOW,
    _spec_inherited,
    when=lambda command: _spec_inherited(command) is not None,
    about="for the spec that it inherits from, if it names one",
)
"""A spec has its runs read, and change, variables of the one that it inherits from."""
EVENT: Final = Need(Action.RUN, Resource.EXTERNAL_EVENT, lambda command: command.event_def)

_BY_NAME: Final[Mapping[str, tuple[Need, ...]]] = {
    **dict.fromkeys(("PutTaskDef", "DeleteTaskDef"), _writes(Resource.TASK)),
    "CloseBreaker": _writes(Resource.TASK, lambda command: command.task_def),
    "PutWfSpec": (*_writes(Resource.WORKFLOW), INHERITS),
    "DeleteWfSpec": _writes(Resource.WORKFLOW),
    **dict.fromkeys(("PutStructDef", "DeleteStructDef"), _writes(Resource.STRUCT)),
    **dict.fromkeys(("PutUserTaskDef", "DeleteUserTaskDef"), _writes(Resource.USER_TASK)),
    **dict.fromkeys(
        ("PutExternalEventDef", "DeleteExternalEventDef"), _writes(Resource.EXTERNAL_EVENT)
    ),
    **dict.fromkeys(
        ("PutWorkflowEventDef", "DeleteWorkflowEventDef"), _writes(Resource.WORKFLOW_EVENT)
    ),
    **dict.fromkeys(("PutApplication", "DeleteApplication"), _writes(Resource.APPLICATION)),
    "OpenAddress": _writes(Resource.APPLICATION, None),
    "PutWebhook": (*_writes(Resource.WEBHOOK), _runs(lambda command: command.wf_spec)),
    "DeleteWebhook": _writes(Resource.WEBHOOK),
    "RunByWebhook": (Need(Action.RUN, Resource.WEBHOOK, lambda command: command.webhook),),
    "RunWf": (_runs(lambda command: command.wf_spec), BELOW),
    "ScheduleWf": (_runs(lambda command: command.wf_spec),),  # its parent: each time that it is due
    "Bulk": (_runs(lambda command: command.filter.wf_spec),),
    "CancelBulk": (_runs(lambda command: None),),
    **dict.fromkeys(
        (
            *("StopWfRun", "ResumeWfRun", "PauseWfRun", "RescueThreadRun", "KillWfRun"),
            *("RestartWfRun", "ReplayWfRun", "ForceWfRun", "SkipNode", "EditVariable"),
            *("SetLabels", "MigrateWfRun", "DeleteWfRun", "ChangeTaskRunState", "ChangeWfRunState"),
            *("ShutdownTaskRun", "RestartTaskRun", "RequeueTask", "RetryNow"),
        ),
        (RUN_VERB,),
    ),
    **dict.fromkeys(("PauseSchedule", "DeleteSchedule"), (SCHEDULED,)),
    **dict.fromkeys(
        ("TaskStarted", "TaskHeartbeat", "PutCheckpoint", "ReportTask", "HandBackTask"),
        (TASK_WORD,),
    ),
    **dict.fromkeys(("PutExternalEvent", "PutCorrelatedEvent", "DeleteCorrelatedEvent"), (EVENT,)),
    **dict.fromkeys(
        (
            *("AssignUserTaskRun", "ClaimUserTaskRun", "ReleaseUserTaskRun", "SaveUserTaskRun"),
            *("CompleteUserTaskRun", "CancelUserTaskRun", "PutUserTaskComment"),
            *("EditUserTaskComment", "DeleteUserTaskComment"),
        ),
        (FORM,),
    ),
    **dict.fromkeys(("PutPrincipal", "DeletePrincipal"), _writes(Resource.PRINCIPAL)),
    **dict.fromkeys(("PutTenant", "DeleteTenant"), _writes(Resource.TENANT)),
    **dict.fromkeys(
        ("PutQuota", "DeleteQuota"), _writes(Resource.QUOTA, lambda command: command.of_tenant)
    ),
    "PutApiKey": _writes(Resource.PRINCIPAL, lambda command: command.owner),
    "RevokeApiKey": _writes(Resource.PRINCIPAL, None),
}

NEEDS: Final[Mapping[type[Command], tuple[Need, ...]]] = {
    kind.record: _BY_NAME[kind.record.__name__] for kind in COMMANDS if kind.sender is Sender.CLIENT
}
"""What each command of a client's needs, all of it. None is missing, or this could not be made."""
