"""What is worked out of a WfSpec that was checked, and kept beside it: what its runs would else
look for again at each step.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from penstock.core.definitions.wf_spec import SpecBody, ThreadSpec
from penstock.core.nodes import TYPE_OF
from penstock.core.registration.data_flow import edge_expressions, node_expressions
from penstock.core.values.forms import OutputRef, parts_of


def kept_outputs(body: SpecBody) -> dict[str, tuple[str, ...]]:
    """For each thread, the nodes whose output is read by a later node (and not only by their own
    edges).
    """
    return {name: _kept_outputs(thread) for name, thread in body.threads.items()}


def masked_outputs(body: SpecBody) -> dict[str, tuple[str, ...]]:
    """For each thread that has some, the nodes of whose output a masked variable is made."""
    masked = {
        declared.name
        for thread in body.threads.values()
        for declared in thread.variables
        if declared.masked
    }
    found = {name: _masked_outputs(thread, masked) for name, thread in body.threads.items()}
    return {name: nodes for name, nodes in found.items() if nodes}


def first_nodes(body: SpecBody) -> dict[str, str]:
    """For each thread, the node where it begins."""
    return {
        name: next(node for node, config in thread.nodes.items() if TYPE_OF[type(config)].begins)
        for name, thread in body.threads.items()
    }


def _masked_outputs(thread: ThreadSpec, masked: AbstractSet[str]) -> tuple[str, ...]:
    nodes = {
        part.node
        for config in thread.nodes.values()
        for edge in config.edges
        for mutation in edge.mutations
        if mutation.variable in masked
        for part in parts_of(mutation.value)
        if isinstance(part, OutputRef)
    }
    return tuple(sorted(nodes))


def _kept_outputs(thread: ThreadSpec) -> tuple[str, ...]:
    kept: set[str] = set()
    for node, config in thread.nodes.items():
        for expression in node_expressions(config):
            kept |= {part.node for part in parts_of(expression) if isinstance(part, OutputRef)}
        for _, expression in edge_expressions(config):
            refs = {part.node for part in parts_of(expression) if isinstance(part, OutputRef)}
            kept |= refs - {node}
    return tuple(sorted(kept))
