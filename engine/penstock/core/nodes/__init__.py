"""The node types: one file each, found through this table; nothing else names them."""

from typing import Final

from penstock.core.definitions.graph import NodeConfig
from penstock.core.flow.node import NodeType
from penstock.core.nodes import (
    entrypoint,
    exit,
    external_event,
    nop,
    run_child_wf,
    run_threads,
    sleep,
    start_multiple_threads,
    start_thread,
    task,
    throw_event,
    user_task,
    wait_for_child_wf,
    wait_for_condition,
    wait_for_threads,
)

NODE_TYPES: Final[tuple[NodeType, ...]] = (
    entrypoint.NODE,
    exit.NODE,
    task.NODE,
    external_event.NODE,
    start_thread.NODE,
    start_multiple_threads.NODE,
    wait_for_threads.NODE,
    run_threads.NODE,
    nop.NODE,
    sleep.NODE,
    wait_for_condition.NODE,
    user_task.NODE,
    run_child_wf.NODE,
    wait_for_child_wf.NODE,
    throw_event.NODE,
)

TYPE_OF: Final[dict[type[NodeConfig], NodeType]] = {node.config: node for node in NODE_TYPES}
"""From a node's configuration to its type."""
