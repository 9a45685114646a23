"""docs/reference/nodes.md."""

from __future__ import annotations

import sys

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.wf_spec import SpecBody, ThreadSpec
from penstock.core.flow.node import NodeType
from penstock.core.nodes import NODE_TYPES
from tests.docs.reference.words import (
    fields_of,
    fields_table,
    paragraph,
    parts_of,
    upper,
)

HEAD = """\
# Nodes

A WfSpec has threads, and a thread is a graph of nodes. Each node has a `type`, the fields that all
have, and those of its type. `PUT /v1/wf-specs` takes specs as JSON; [functions](../WORKFLOWS.md)
and [flows](../FLOWS.md) are made into them.
"""
SPEC = {"The spec": SpecBody, "ThreadSpec": ThreadSpec}


def page() -> str:
    """Every node type, with its fields."""
    kinds = [node.config for node in NODE_TYPES]
    common = frozenset(one.encode_name for one in fields_of(NodeConfig))
    about = paragraph(NodeConfig.__doc__).partition("\n\n")[2]
    text = [HEAD]
    for name, kind in SPEC.items():
        text += [f"## {name}\n", paragraph(kind.__doc__) + "\n", fields_table(kind)]
    text += ["## What all have\n", about + "\n", fields_table(NodeConfig)]
    for node in NODE_TYPES:
        text += _node(node, common)
    text.append("## Parts\n")
    for part in parts_of([*kinds, *SPEC.values()], frozenset({*kinds, *SPEC.values()})):
        text += [f"### {part.__name__}\n", paragraph(part.__doc__) + "\n", fields_table(part)]
    return "\n".join(text)


def _node(node: NodeType, common: frozenset[str]) -> list[str]:
    about = paragraph(sys.modules[node.arrive.__module__].__doc__)
    told = upper(about.partition(": ")[2] or about)
    said = paragraph(node.config.__doc__)
    own = fields_table(node.config, common) or "No fields of its own.\n"
    gives = node.config.OUTPUT
    output = [f"Its output is a `{gives}`.\n"] if gives else []
    return [f"## {node.name}\n", told + "\n", f"**It says:** {said}\n", *output, own]
