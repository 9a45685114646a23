"""WAIT_FOR_CONDITION: waits until a condition on variables holds. Looked at again whenever a
variable that can be seen from here changes.
"""

from collections.abc import Iterator
from typing import cast

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import WaitForConditionNode
from penstock.core.flow.at import At
from penstock.core.flow.node import NodeType, gives_nothing
from penstock.core.flow.outcomes import WAIT, Done, Failed, Outcome
from penstock.core.flow.watchers import unwatch, watch
from penstock.core.state.failures import Failure, FailureName
from penstock.core.values.expressions import Expression, is_true
from penstock.core.values.types import ValueProblem, ValueType


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
    gives=gives_nothing,
    waits=True,
)
