"""NOP: does nothing; a place for edges to part and to meet, and for a value to be given out."""

from penstock.core.definitions.nodes import NopNode
from penstock.core.flow.at import At
from penstock.core.flow.given import give, given_expressions, gives_something
from penstock.core.flow.node import NodeType
from penstock.core.flow.outcomes import Outcome


def arrive(at: At) -> Outcome:
    """Go on."""
    return give(at)


NODE = NodeType("NOP", NopNode, arrive, expressions=given_expressions, gives=gives_something)
