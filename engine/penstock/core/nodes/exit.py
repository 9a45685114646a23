"""EXIT: where a thread ends, with a value it returns."""

from collections.abc import Iterator
from typing import cast

from penstock.core.at import At
from penstock.core.expressions import Expression
from penstock.core.node_check import NodeCheck
from penstock.core.nodes.base import Ended, NodeConfig, NodeType, Outcome


class ExitNode(NodeConfig, tag="EXIT", frozen=True):
    """The thread's last node; `returns` is the thread's output."""

    returns: Expression | None = None


def arrive(at: At) -> Outcome:
    """End the thread."""
    config = cast(ExitNode, at.config)
    return Ended(None if config.returns is None else at.evaluate(config.returns))


def check(check: NodeCheck) -> None:
    """Nothing comes after an EXIT."""
    if check.config.edges:
        check.fault("an EXIT has no edges; remove them")


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """What is returned."""
    returns = cast(ExitNode, config).returns
    if returns is not None:
        yield returns


NODE = NodeType("EXIT", ExitNode, arrive, check=check, expressions=expressions, ends=True)
