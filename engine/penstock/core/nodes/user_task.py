"""USER_TASK: waits for a person to fill in a form. The node's output has a key for each field.

Halting does not end the user task: it can be completed meanwhile, and takes effect when the thread
runs again. When the node is left for any other reason, it is cancelled.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import cast

from msgspec.structs import replace

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import UserTaskNode
from penstock.core.definitions.user_task_config import Hook
from penstock.core.definitions.user_task_def import find_user_task_def
from penstock.core.flow.at import At
from penstock.core.flow.node import NodeType
from penstock.core.flow.outcomes import WAIT, Done, Failed, Outcome
from penstock.core.flow.rests import rest
from penstock.core.state.failures import EXCEPTION_NAME, Failure, FailureName, is_exception_name
from penstock.core.state.rest_rows import Rest
from penstock.core.state.rows import Rows
from penstock.core.state.transitions import USER_TASK_LIVE, UserTaskStatus
from penstock.core.user_tasks import user_tasks
from penstock.core.user_tasks.checks import check_actions, check_owner, expressions_of
from penstock.core.user_tasks.plans import plan, planned
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueType


def arrive(at: At) -> Outcome:
    """Make the user task. What can not be evaluated is a failure without one."""
    config, rows = cast(UserTaskNode, at.config), at.turn.rows
    form = find_user_task_def(rows, at.turn.tenant, config.user_task_def, config.version)
    assert form is not None, "a form that is deleted stays, marked"
    owner = user_tasks.owner_at(at, config.user_id, config.user_group)
    notes = None
    if config.notes is not None:
        notes = at.evaluate_as(config.notes, ValueType.STR, "notes")
    masked = notes is not None and at.masked
    hooks = [Hook.ON_ARRIVAL] + ([] if owner.user_id is None else [Hook.ON_TASK_ASSIGNED])
    delays = {hook: planned(at, hook) for hook in hooks}
    row = user_tasks.create(at, form, owner, notes)
    row.masked_notes = masked
    for hook in hooks:
        plan(at.turn, row, hook, delays[hook])
    user_tasks.keep(at.turn, row)
    rest(at, Rest.WAIT)
    return WAIT


def look(at: At) -> Outcome:
    """Whether the form is filled in, or the user task cancelled."""
    row = user_tasks.of_node(at)
    assert row is not None, "a node run that waits has begun its user task"
    if row.status is UserTaskStatus.DONE:
        return Done(row.results)
    if row.status is not UserTaskStatus.CANCELLED:
        return WAIT
    name = cast(UserTaskNode, at.config).on_cancellation_exception_name
    failure = FailureName.USER_TASK_CANCELLED if name is None else name
    return Failed(Failure(failure, f"user task {row.guid} was cancelled"))


def leave(at: At) -> None:
    """A user task that has not ended when its node is left is wanted no more."""
    row = user_tasks.of_node(at)
    if row is not None and row.status in USER_TASK_LIVE:
        user_tasks.cancel(at.turn, row)
        user_tasks.keep(at.turn, row)


def carries(before: NodeConfig, after: NodeConfig) -> str | None:
    """The user task stays as it is, in the version of the form that it has; what is planned for it
    is known by the number of the action.
    """
    old, new = cast(UserTaskNode, before), cast(UserTaskNode, after)
    if old.user_task_def != new.user_task_def:
        return f"wants the form {new.user_task_def} there, not {old.user_task_def}"
    return None if old.actions == new.actions else "has other actions there"


def check(check: NodeCheck) -> None:
    """The form exists, somebody is named, and the actions can be done."""
    config = cast(UserTaskNode, check.config)
    check.user_task_def(config.user_task_def, config.version)
    check_owner(check, config.user_id, config.user_group)
    if config.notes is not None:
        check.fits(config.notes, ValueType.STR, "notes")
    name = config.on_cancellation_exception_name
    if name is not None and not is_exception_name(name):
        check.fault(
            FaultKind.BAD_FAILURE_NAME,
            f"{name[:128]!r} is no name for an exception: use {EXCEPTION_NAME}",
        )
    check_actions(check, config.actions)


def pin(config: NodeConfig, rows: Rows, tenant: str) -> NodeConfig:
    """Name the version of the form."""
    node = cast(UserTaskNode, config)
    form = find_user_task_def(rows, tenant, node.user_task_def, node.version)
    assert form is not None, "the spec has been checked"
    return replace(node, version=form.version)


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """Who is to fill it in, the notes, and what actions evaluate."""
    node = cast(UserTaskNode, config)
    given = (node.user_id, node.user_group, node.notes)
    yield from (part for part in given if part is not None)
    yield from expressions_of(node.actions)


def exceptions(config: NodeConfig) -> AbstractSet[str] | None:
    """What it is cancelled with."""
    name = cast(UserTaskNode, config).on_cancellation_exception_name
    return frozenset(() if name is None else (name,))


NODE = NodeType(
    "USER_TASK",
    UserTaskNode,
    arrive,
    look=look,
    leave=leave,
    carries=carries,
    check=check,
    pin=pin,
    expressions=expressions,
    exceptions=exceptions,
    waits=True,
)
