"""NOP: does nothing; a place for edges to part and to meet."""

from penstock.core.definitions.nodes import NopNode
from penstock.core.flow.at import At
from penstock.core.flow.node import NodeType
from penstock.core.flow.outcomes import Done, Outcome


def arrive(at: At) -> Outcome:
    """Go on."""
    return Done()


NODE = NodeType("NOP", NopNode, arrive, gives=False)
