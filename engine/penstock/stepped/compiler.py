"""From a workflow definition to a WfSpec.

There is one variable, `context`. Each task gets it and gives it back: what it returns is the
context from then on. Nodes that stand for no task have a dot in their names, which no task has.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import msgspec

from penstock.core.commands.put_webhook import PutWebhook
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.graph import Edge, Mutation
from penstock.core.definitions.nodes import AnyNode, EntrypointNode, ExitNode, TaskNode
from penstock.core.definitions.wf_spec import SpecBody, ThreadSpec, VariableDef
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_kebab
from penstock.core.limits import SPEC_NODES_MAX
from penstock.core.values.comparing import Comparator
from penstock.core.values.forms import (
    Built,
    Cast,
    Comparison,
    Expression,
    Literal,
    OutputRef,
    Rendered,
    Template,
    VariableRef,
)
from penstock.stepped.definition import SEND_WEBHOOK, Retry, Step, WorkflowDefinition

CONTEXT: Final = "context"
THREAD: Final = "at.steps"
START: Final = "at.start"
END: Final = "at.end"
WEBHOOK_TYPE: Final = "workflow.task"
STEPS_MAX: Final = SPEC_NODES_MAX - 2

_POSTED: Final = "{{ trigger.body.context ?? trigger.body }}"
_DATA: Final = "{context:JSON_OBJ,id:STR,workflow_name:STR,workflow_version:INT}"


def spec_name(application: str, workflow: str) -> str:
    """The WfSpec of an application's workflow."""
    return f"{application}.{workflow}"


def compile_workflow(definition: WorkflowDefinition) -> PutWfSpec:
    """The command that registers the workflow; a definition that is wrong is refused."""
    check_kebab("application", definition.application)
    check_kebab("workflow", definition.name)
    steps = definition.steps
    _check_steps(steps)
    names = (START, *(step.name for step in steps), END)
    nodes: dict[str, AnyNode] = {START: EntrypointNode(edges=(Edge(names[1]),))}
    following = dict(pairwise(names))
    for step in steps:
        nodes[step.name] = _node(definition, step, following[step.name])
    nodes[END] = ExitNode(returns=VariableRef(CONTEXT))
    context = VariableDef(CONTEXT, "JSON_OBJ", default={})
    body = SpecBody(
        THREAD,
        {THREAD: ThreadSpec(nodes, (context,))},
        namespace=definition.application,
    )
    name = spec_name(definition.application, definition.name)
    return PutWfSpec(name, msgspec.to_builtins(body))


def compile_webhook(application: str, workflow: str, hashed: str, **more: Any) -> PutWebhook:
    """The command that has requests start runs of a workflow: each begins with the `context` in
    the request's body, or with the body itself.
    """
    name = spec_name(application, workflow)
    return PutWebhook(name, name, hashed, inputs={CONTEXT: _POSTED}, **more)


def tasks_of(body: SpecBody) -> list[tuple[str, str]] | None:
    """The steps of a workflow, each with its task; None of a spec that is no workflow's."""
    if body.entrypoint != THREAD:
        return None
    nodes = body.threads[THREAD].nodes
    found: list[tuple[str, str]] = []
    name = START
    while (name := nodes[name].edges[0].to) != END:
        found.append((name, str(getattr(nodes[name], "task_def", None))))
    return found


def _check_steps(steps: tuple[Step, ...]) -> None:
    if len(steps) > STEPS_MAX:
        refuse(Code.LIMIT, f"{len(steps)} tasks: a workflow may have {STEPS_MAX}")
    seen: set[str] = set()
    for step in steps:
        check_kebab("task", step.task)
        check_kebab("step", step.name)
        if step.name in seen:
            refuse(
                Code.BAD_NAME,
                f"{step.name!r} is there twice; tell both apart: {{'task': {step.task!r},"
                f" 'step': {step.name + '-again'!r}}}",
            )
        seen.add(step.name)


def _node(definition: WorkflowDefinition, step: Step, following: str) -> TaskNode:
    retry: Retry = step.retry or definition.retry
    posts = step.task == SEND_WEBHOOK
    return TaskNode(
        task_def=step.task,
        inputs=_webhook_inputs(definition) if posts else {CONTEXT: VariableRef(CONTEXT)},
        max_attempts=retry.max_attempts,
        backoff=retry.backoff,
        timeout_ms=step.timeout_ms,
        output_required=not posts,
        edges=(Edge(following),) if posts else _hands_on(step.name, following),
    )


def _hands_on(step: str, following: str) -> tuple[Edge, ...]:
    """What a task returns is the context; one that was passed by has returned nothing."""
    output = OutputRef(step)
    passed_by = Comparison(output, Comparator.EQUALS, Literal(None))
    return (
        Edge(following, condition=passed_by),
        Edge(following, mutations=(Mutation(CONTEXT, output),)),
    )


def _webhook_inputs(definition: WorkflowDefinition) -> dict[str, Expression]:
    """The context is told, and stays what it is. The address is the application's at the time."""
    application = definition.application
    data: dict[str, Expression] = {
        "id": Template("flow_{{ execution.id }}", Rendered.TEXT),
        "workflow_name": Literal(definition.name),
        "workflow_version": Template("{{ flow.revision }}"),
        CONTEXT: VariableRef(CONTEXT),
    }
    return {
        "type": Literal(WEBHOOK_TYPE),
        "data": Cast("JSON_OBJ", Built(_DATA, data)),
        "url": Template(f"{{{{ applications['{application}'].webhook_url }}}}", Rendered.TEXT),
        "endpoint": Literal(application),
        "timestamp": Template("{{ taskrun.startDate }}", Rendered.TEXT),
    }
