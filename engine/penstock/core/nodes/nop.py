"""NOP: does nothing; a place for edges to part and to meet."""

from penstock.core.at import At
from penstock.core.node import NodeConfig, NodeType
from penstock.core.outcomes import Done, Outcome


class NopNode(NodeConfig, tag="NOP", frozen=True):
    """Nothing but its edges."""


def arrive(at: At) -> Outcome:
    """Go on."""
    return Done()


NODE = NodeType("NOP", NopNode, arrive)
