"""Conditions whose value can be seen in the spec: they name nothing that only a run has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock.core.definitions.graph import Edge, NodeConfig
from penstock.core.values.expressions import is_true
from penstock.core.values.forms import Expression
from penstock.core.values.templates.names import Names
from penstock.core.values.types import StructField, ValueProblem
from penstock.core.values.value import Value


class OnlyARunKnows(ValueProblem):
    """A name is met on the way to the value."""


class _NoScope:
    """No name means anything yet."""

    def variable(self, name: str) -> Value:
        raise OnlyARunKnows(name)

    def output(self, node: str) -> Value:
        raise OnlyARunKnows(node)

    def variable_type(self, name: str) -> str | None:
        raise OnlyARunKnows(name)

    def output_type(self, node: str) -> str | None:
        raise OnlyARunKnows(node)

    def struct(self, name: str) -> Mapping[str, StructField] | None:
        raise OnlyARunKnows(name)

    def now_ms(self) -> int:
        raise OnlyARunKnows("now")

    def seed(self) -> tuple[str | int, ...]:
        raise OnlyARunKnows("uuid")

    def pay(self, steps: int, parts: int) -> None:
        """A spec is small, and is looked at once: nothing is paid for it."""

    def template_names(self, spend: Callable[[int], None]) -> Names:
        raise OnlyARunKnows("template")


_NO_SCOPE: Final = _NoScope()


def known(condition: Expression | None) -> bool | None:
    """Whether a condition holds in each run, or in none; None where that is the run's to tell. No
    condition always holds.
    """
    if condition is None:
        return True
    try:
        return is_true(condition, _NO_SCOPE)
    except ValueProblem:
        return None


def is_passed_by(config: NodeConfig) -> bool | None:
    """Whether a thread goes on without the node, in each run or in none; None where that is the
    run's to tell.
    """
    holds = known(config.run_if)
    return None if holds is None else not holds


def open_edges(config: NodeConfig) -> tuple[list[Edge], bool]:
    """The edges that may be taken, and whether one of them always is."""
    found: list[Edge] = []
    for edge in config.edges:
        holds = known(edge.condition)
        if holds is not False:
            found.append(edge)
        if holds is True:
            return found, True
    return found, False
