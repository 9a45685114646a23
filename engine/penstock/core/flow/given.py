"""What a node gives that does nothing else: the value of an expression, as its output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.nodes import EntrypointNode, NopNode
from penstock.core.flow.at import At
from penstock.core.flow.outcomes import Done, Failed, Outcome
from penstock.core.state.failures import Failure, FailureName
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueProblem


def give(at: At) -> Outcome:
    """The node is done, with its output if it has one."""
    wanted = _wanted(at.config)
    if wanted is None:
        return Done()
    try:
        output = at.evaluate(wanted, "gives")
    except ValueProblem as problem:
        return Failed(Failure(FailureName.VAR_SUB_ERROR, str(problem)))
    return Done(output, at.masked)


def gives_something(config: NodeConfig) -> bool:
    """Whether it has an output."""
    return _wanted(config) is not None


def given_expressions(config: NodeConfig) -> Iterator[Expression]:
    """What it gives."""
    wanted = _wanted(config)
    if wanted is not None:
        yield wanted


def _wanted(config: NodeConfig) -> Expression | None:
    return cast(EntrypointNode | NopNode, config).gives
