"""The types of nodes' outputs."""

from __future__ import annotations

from penstock.core.definitions.defs import ExternalEventDef, TaskDef
from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.nodes import RunThreadsNode, WaitForChildWfNode
from penstock.core.state.rows import Rows
from penstock.core.values.types import TypeText, ValueType


def output_type_of(config: NodeConfig | None, rows: Rows, tenant: str) -> TypeText | None:
    """Of a task its return type, of an event its content type, else what the node type says; None
    of what a thread returns.
    """
    if config is None:
        return None
    task_def, event_def = getattr(config, "task_def", None), getattr(config, "event_def", None)
    if isinstance(task_def, str):
        task = rows.peek(TaskDef, tenant, task_def)
        return None if task is None or task.returns_nothing else task.return_type
    if isinstance(event_def, str):
        event = rows.peek(ExternalEventDef, tenant, event_def)
        return None if event is None else event.content_type
    if isinstance(config, RunThreadsNode) and config.gives_output:
        return None
    if isinstance(config, WaitForChildWfNode) and config.gives_end:
        return ValueType.JSON_OBJ
    return config.OUTPUT


def returns_nothing(config: NodeConfig | None, rows: Rows, tenant: str) -> bool:
    """Whether a node is a task that returns nothing: nobody can read its output."""
    task_def = getattr(config, "task_def", None)
    task = rows.peek(TaskDef, tenant, task_def) if isinstance(task_def, str) else None
    return task is not None and task.returns_nothing
