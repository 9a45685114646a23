"""ENTRYPOINT: where a thread begins. It is complete at once."""

from penstock.core.at import At
from penstock.core.node import NodeConfig, NodeType
from penstock.core.outcomes import Done, Outcome


class EntrypointNode(NodeConfig, tag="ENTRYPOINT", frozen=True):
    """The first node of every thread."""


def arrive(at: At) -> Outcome:
    """Go on."""
    return Done()


NODE = NodeType("ENTRYPOINT", EntrypointNode, arrive, begins=True)
