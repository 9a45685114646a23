"""WAIT_FOR_CONDITION: waits until a condition on variables holds. Looked at again whenever a
variable that can be seen from here changes.
"""

from collections.abc import Iterator
from typing import cast

from penstock.core.at import At
from penstock.core.expressions import Expression, is_true
from penstock.core.failures import Failure, FailureName
from penstock.core.node import NodeConfig, NodeType
from penstock.core.node_check import NodeCheck
from penstock.core.outcomes import WAIT, Done, Failed, Outcome
from penstock.core.types import ValueProblem, ValueType
from penstock.core.watchers import unwatch, watch


class WaitForConditionNode(NodeConfig, tag="WAIT_FOR_CONDITION", frozen=True):
    """What must hold."""

    condition: Expression


def arrive(at: At) -> Outcome:
    """Go on if it holds already."""
    outcome = look(at)
    if outcome is WAIT:
        watch(at)
    return outcome


def look(at: At) -> Outcome:
    """Whether it holds now."""
    try:
        holds = is_true(cast(WaitForConditionNode, at.config).condition, at)
    except ValueProblem as problem:
        return Failed(Failure(FailureName.VAR_SUB_ERROR, str(problem)))
    return Done() if holds else WAIT


def check(check: NodeCheck) -> None:
    """The condition is a BOOL."""
    check.fits(cast(WaitForConditionNode, check.config).condition, ValueType.BOOL, "the condition")


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The condition."""
    yield cast(WaitForConditionNode, config).condition


NODE = NodeType(
    "WAIT_FOR_CONDITION",
    WaitForConditionNode,
    arrive,
    look=look,
    leave=unwatch,
    check=check,
    expressions=expressions,
    waits=True,
)
