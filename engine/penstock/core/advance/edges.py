"""Leaving a completed node: which edge is open, and what its mutations make of the variables."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.core.definitions.graph import Edge, Mutation
from penstock.core.flow.at import At
from penstock.core.flow.mutations import mutated_value
from penstock.core.flow.variables import Change
from penstock.core.state.run import Variable
from penstock.core.values.expressions import Evaluation
from penstock.core.values.types import StructField, ValueProblem
from penstock.core.values.value import Value


def open_edge(at: At) -> Edge:
    """The first edge whose condition holds, or that has none; ValueProblem if there is none. A
    replay goes from its ENTRYPOINT to where it begins.
    """
    if at.node_run.leads_to is not None:
        return Edge(at.node_run.leads_to)
    evaluation = Evaluation(_Leaving(at), "condition")
    for edge in at.config.edges:
        if edge.condition is None or evaluation.holds(edge.condition):
            return edge
    raise ValueProblem("no edge is open: no condition holds and none is without one")


def mutated(at: At, mutations: tuple[Mutation, ...]) -> list[Change]:
    """The variables as the mutations leave them; later ones see what earlier ones did."""
    if not mutations:
        return []
    scope = _Leaving(at)
    evaluation = Evaluation(scope, "mutation")
    for mutation in mutations:
        place = at.place_of(mutation.variable)
        try:
            current = scope.variable(mutation.variable)
            value = mutated_value(mutation, place.declared.type, current, evaluation, at.struct)
        except ValueProblem as problem:
            raise ValueProblem(f"variable {mutation.variable!r}: {problem}") from problem
        scope.changed[mutation.variable] = Variable(
            at.turn.tenant, place.wf_run_id, place.thread, mutation.variable, value
        )
    return [Change(scope.before[name], after) for name, after in scope.changed.items()]


class _Leaving:
    """Names as the edges of a completed node see them: its output, and variables that mutations
    have changed.
    """

    def __init__(self, at: At) -> None:
        self._at = at
        self.before: dict[str, Variable | None] = {}
        self.changed: dict[str, Variable] = {}

    def variable(self, name: str) -> Value:
        """A changed variable, or as the thread sees it, which is read once."""
        row = self.changed.get(name)
        if row is None:
            if name not in self.before:
                self.before[name] = self._at.variable_row(self._at.place_of(name))
            row = self.before[name]
        return None if row is None else row.value

    def output(self, node: str) -> Value:
        """The output of the node that is being left, or of an earlier one."""
        node_run = self._at.node_run
        return node_run.output if node == node_run.node else self._at.output(node)

    def variable_type(self, name: str) -> str | None:
        """As the thread sees it."""
        return self._at.variable_type(name)

    def output_type(self, node: str) -> str | None:
        """As the thread sees it."""
        return self._at.output_type(node)

    def struct(self, name: str) -> Mapping[str, StructField] | None:
        """As the thread sees it."""
        return self._at.struct(name)

    def now_ms(self) -> int:
        """As the thread sees it."""
        return self._at.now_ms()

    def seed(self) -> tuple[str | int, ...]:
        """As the thread sees it."""
        return self._at.seed()
