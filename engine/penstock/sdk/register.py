"""What tasks and workflows are registered with, in an order in which each names what is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from penstock.core.command import Command
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.put_user_task_def import PutUserTaskDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.sdk.errors import InvalidRequest
from penstock.sdk.task import TaskDef
from penstock.sdk.workflow import Workflow

OF_DEFINITIONS: Final = "definitions"
"""What is decided on partition 0; see `Call.of`."""

PATHS: Final[Mapping[type[Command], str]] = {
    PutTaskDef: "/v1/task-defs",
    PutExternalEventDef: "/v1/external-event-defs",
    PutWorkflowEventDef: "/v1/workflow-event-defs",
    PutUserTaskDef: "/v1/user-task-defs",
    PutWfSpec: "/v1/wf-specs",
}


def definitions_of(
    definitions: Iterable[TaskDef[..., Any] | Workflow[..., Any]],
) -> list[Command]:
    """The commands: tasks first, then of each workflow what it needs, and itself last."""
    tasks: dict[str, TaskDef[..., Any]] = {}
    workflows: dict[str, Workflow[..., Any]] = {}
    for definition in definitions:
        if isinstance(definition, TaskDef):
            tasks.setdefault(definition.name, definition)
        else:
            _collect(_workflow(definition), workflows)
    for workflow in workflows.values():
        tasks.update({task.name: task for task in workflow.tasks})
    commands: list[Command] = [task.definition for task in tasks.values()]
    for command in (one for workflow in workflows.values() for one in _of(workflow)):
        if command not in commands:
            commands.append(command)
    return commands


def placed(
    error: InvalidRequest,
    command: Command,
    definitions: Iterable[TaskDef[..., Any] | Workflow[..., Any]],
) -> InvalidRequest:
    """The error; of a workflow each fault says `where` it was made: file and line."""
    workflows: dict[str, Workflow[..., Any]] = {}
    for definition in definitions:
        if isinstance(definition, Workflow):
            _collect(definition, workflows)
    workflow = workflows.get(command.name) if isinstance(command, PutWfSpec) else None
    if workflow is None or not error.faults:
        return error
    faults = [
        fault | {"where": workflow.place_of(fault.get("thread", ""), fault.get("node", ""))}
        for fault in error.faults
    ]
    message = f"{faults[0]['where']}: {error.message}"
    return InvalidRequest(error.code, message, error.status, faults)


def tasks_of(definition: TaskDef[..., Any] | Workflow[..., Any]) -> list[TaskDef[..., Any]]:
    """The tasks of a definition, and of the workflows that it runs."""
    if isinstance(definition, TaskDef):
        return [definition]
    workflows: dict[str, Workflow[..., Any]] = {}
    _collect(_workflow(definition), workflows)
    return [task for workflow in workflows.values() for task in workflow.tasks]


def _workflow(given: object) -> Workflow[..., Any]:
    """What is no task; a plain function is neither, and easily given."""
    if not isinstance(given, Workflow):
        raise TypeError(
            f"{given!r} is neither: a function is a task by @task, a workflow by @workflow"
        )
    return cast("Workflow[..., Any]", given)


def _collect(workflow: Workflow[..., Any], into: dict[str, Workflow[..., Any]]) -> None:
    """A workflow after those that it runs."""
    if workflow.name in into:
        return
    for below in workflow.workflows:
        if below.name != workflow.name:
            _collect(below, into)
    into[workflow.name] = workflow


def _of(workflow: Workflow[..., Any]) -> Iterator[Command]:
    yield from workflow.needs
    yield workflow.definition
