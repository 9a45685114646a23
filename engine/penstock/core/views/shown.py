"""Rows as they may be shown: what their definitions call masked is `*****`.

Two rules. What a definition calls masked is: variables, inputs of TaskDefs, fields of structs
wherever a type has them. What the engine makes of that is masked as a whole, and its row says so
(`masked`): variables, inputs, outputs, events, contents of failures; so is an output of which a
masked variable is made.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from penstock.core.definitions.defs import ExternalEventDef, TaskDef, WorkflowEventDef
from penstock.core.definitions.nodes import AnyNode
from penstock.core.definitions.output_types import output_type_of
from penstock.core.definitions.structs import struct_fields_of
from penstock.core.definitions.wf_spec import ThreadSpec, WfSpec
from penstock.core.flow.versions import followed_at
from penstock.core.state.correlation_rows import CorrelatedEvent
from penstock.core.state.event_rows import ExternalEvent, WorkflowEvent
from penstock.core.state.rows import Rows
from penstock.core.state.run import NodeRun, TaskAttempt, TaskRun, ThreadRun, Variable, WfRun
from penstock.core.state.task_rows import Checkpoint, Series
from penstock.core.state.user_task_rows import UserTaskRun
from penstock.core.values.masking import MASK, Hide, hidden, may_have_masked, shown_value
from penstock.core.values.types import Structs
from penstock.core.values.value import Value


def shown_variable(rows: Rows, run: WfRun, row: Variable, hide: Hide = hidden) -> Variable:
    """A variable of a run."""
    thread = rows.peek(ThreadRun, run.tenant, run.wf_run_id, row.thread)
    if thread is None:
        return row
    declared = _blueprint(rows, run, thread, thread.position).variable(row.name)
    if declared is None:
        return row
    structs = _structs(rows, run.tenant)
    masked = declared.masked or row.masked
    value = shown_value(row.value, declared.type, structs, masked=masked, hide=hide)
    return replace(row, value=value)


def config_of(rows: Rows, run: WfRun, row: NodeRun) -> AnyNode | None:
    """The node that a node run is a visit to, as its thread followed it."""
    thread = rows.peek(ThreadRun, run.tenant, run.wf_run_id, row.thread)
    return (
        None if thread is None else _blueprint(rows, run, thread, row.position).nodes.get(row.node)
    )


def shown_node(rows: Rows, run: WfRun, row: NodeRun) -> NodeRun:
    """A node run of a run."""
    thread = rows.peek(ThreadRun, run.tenant, run.wf_run_id, row.thread)
    if thread is None or row.output is None:
        return row
    if row.masked:
        return replace(row, output=MASK)
    config = _blueprint(rows, run, thread, row.position).nodes.get(row.node)
    declared = output_type_of(config, rows, run.tenant)
    if declared is None:
        return row
    structs = _structs(rows, run.tenant)
    return replace(row, output=shown_value(row.output, declared, structs, masked=False))


def shown_task(rows: Rows, row: TaskRun) -> TaskRun:
    """A task run, with its newest attempt."""
    task_def = rows.peek(TaskDef, row.tenant, row.task_def)
    if task_def is None:
        return row
    structs = _structs(rows, row.tenant)
    inputs = dict(row.inputs)
    for var in task_def.input_vars:
        if var.name in inputs:
            value = inputs[var.name]
            masked = var.masked or var.name in row.masked
            inputs[var.name] = shown_value(value, var.type, structs, masked=masked)
    return replace(row, inputs=inputs, attempt=shown_attempt(rows, row, row.attempt))


def shown_attempt(rows: Rows, task: TaskRun, attempt: TaskAttempt) -> TaskAttempt:
    """An attempt of a task run."""
    if attempt.output is not None and is_masked_at(rows, task, task.thread, task.position):
        return replace(attempt, output=MASK)
    task_def = rows.peek(TaskDef, task.tenant, task.task_def)
    if task_def is None or task_def.return_type is None or attempt.failure is not None:
        return attempt
    if task_def.returns_nothing:
        return attempt
    structs = _structs(rows, task.tenant)
    output = shown_value(attempt.output, task_def.return_type, structs, masked=False)
    return replace(attempt, output=output)


def shown_series(rows: Rows, task: TaskRun, series: Series) -> Series:
    """What an attempt has measured; its tags may quote what the task gives."""
    if not series.tags or not is_masked_at(rows, task, task.thread, task.position):
        return series
    return replace(series, tags=dict.fromkeys(series.tags, MASK))


def shown_checkpoint(rows: Rows, task: TaskRun, row: Checkpoint) -> Checkpoint:
    """What a task has put aside: stars if it was given, or gives, anything masked, since nobody
    knows of what it is made.
    """
    task_def = rows.peek(TaskDef, task.tenant, task.task_def)
    structs = _structs(rows, task.tenant)
    if (
        task_def is None
        or task.masked
        or any(var.masked or may_have_masked(var.type, structs) for var in task_def.input_vars)
        or is_masked_at(rows, task, task.thread, task.position)
    ):
        return replace(row, value=MASK, logs=MASK if row.logs else "")
    return row


def shown_event(rows: Rows, row: ExternalEvent, today: Rows) -> ExternalEvent:
    """An event that was put to a run, as it was; masked if who has taken it by `today` masks it."""
    known = today.peek(ExternalEvent, row.tenant, row.wf_run_id, row.event_def, row.guid)
    claimed = row.claimed_by if known is None else known.claimed_by
    if row.content is not None and claimed and is_masked_at(today, row, *claimed):
        return replace(row, content=MASK)
    event_def = rows.peek(ExternalEventDef, row.tenant, row.event_def)
    if event_def is None or event_def.content_type is None:
        return row
    structs = _structs(rows, row.tenant)
    return replace(
        row, content=shown_value(row.content, event_def.content_type, structs, masked=False)
    )


def shown_inputs(
    rows: Rows, tenant: str, spec: WfSpec | None, inputs: Mapping[str, Value]
) -> dict[str, Value]:
    """What runs of a spec are to be started with. Of one that is not there nobody knows what it
    masks, so all of it is.
    """
    if spec is None:
        return dict.fromkeys(inputs, MASK)
    blueprint, structs = spec.body.threads[spec.body.entrypoint], _structs(rows, tenant)
    shown = dict(inputs)
    for name, value in inputs.items():
        declared = blueprint.variable(name)
        if declared is not None:
            shown[name] = shown_value(value, declared.type, structs, masked=declared.masked)
    return shown


def shown_correlated_event(rows: Rows, row: CorrelatedEvent) -> CorrelatedEvent:
    """An event under a key."""
    event_def = rows.peek(ExternalEventDef, row.tenant, row.event_def)
    if event_def is None or event_def.content_type is None:
        return row
    structs = _structs(rows, row.tenant)
    content = shown_value(row.content, event_def.content_type, structs, masked=False)
    return replace(row, content=content)


def shown_workflow_event(rows: Rows, row: WorkflowEvent) -> WorkflowEvent:
    """An event that a run has thrown."""
    if row.masked:
        return replace(row, content=None if row.content is None else MASK)
    event_def = rows.peek(WorkflowEventDef, row.tenant, row.workflow_event_def)
    if event_def is None or event_def.content_type is None:
        return row
    structs = _structs(rows, row.tenant)
    content = shown_value(row.content, event_def.content_type, structs, masked=False)
    return replace(row, content=content)


def _blueprint(rows: Rows, run: WfRun, thread: ThreadRun, position: int) -> ThreadSpec:
    """What a thread followed at a position."""
    version, name = followed_at(run, thread, position)
    spec = rows.peek(WfSpec, run.tenant, run.wf_spec, version)
    assert spec is not None, "a run's WfSpec stays while the run does"
    return spec.body.threads[name]


def shown_user_task(rows: Rows, row: UserTaskRun) -> UserTaskRun:
    """A user task; of its results the names stay."""
    notes = MASK if row.masked_notes else row.notes
    results = row.results
    if is_masked_at(rows, row, row.thread, row.position):
        results = {name: None if value is None else MASK for name, value in results.items()}
    return replace(row, notes=notes, results=results)


def is_masked_at(
    rows: Rows, of: TaskRun | ExternalEvent | UserTaskRun, thread: int, position: int
) -> bool:
    """Whether the output of a node run is masked; the spec knows before it has one."""
    node_run = rows.peek(NodeRun, of.tenant, of.wf_run_id, thread, position)
    thread_run = rows.peek(ThreadRun, of.tenant, of.wf_run_id, thread)
    if node_run is None and thread_run is not None and thread_run.gone:
        return True
    run = rows.peek(WfRun, of.tenant, of.wf_run_id)
    if node_run is None or thread_run is None or run is None:
        return False
    version, name = followed_at(run, thread_run, position)
    spec = rows.peek(WfSpec, of.tenant, run.wf_spec, version)
    assert spec is not None, "a run's WfSpec stays while the run does"
    return node_run.masked or node_run.node in spec.masked_outputs.get(name, ())


def _structs(rows: Rows, tenant: str) -> Structs:
    return lambda name: struct_fields_of(rows, tenant, name)
