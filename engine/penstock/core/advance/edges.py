"""From one node to the next: which edge is open, what its mutations make of the variables, and
whether the node that is come to is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from penstock.core.definitions.graph import Edge, Mutation
from penstock.core.flow.at import At
from penstock.core.flow.beginnings import plan_of_replay
from penstock.core.flow.mutations import mutated_value
from penstock.core.flow.template_names import TemplateNames
from penstock.core.flow.variables import Change
from penstock.core.state.run import Variable
from penstock.core.values.expressions import Evaluation, Expression
from penstock.core.values.operations import Operation
from penstock.core.values.types import StructField, ValueProblem
from penstock.core.values.value import Value


def open_edge(at: At) -> Edge:
    """The first edge whose condition holds, or that has none; ValueProblem if there is none. A
    replay goes from its ENTRYPOINT to where it begins.
    """
    if at.node_run.leads_to is not None:
        return Edge(at.node_run.leads_to)
    evaluation: Evaluation | None = None
    for edge in at.config.edges:
        if edge.condition is None:
            return edge
        evaluation = evaluation or Evaluation(_Leaving(at), "condition")
        if at.watched(edge.condition, None, partial(evaluation.holds, edge.condition)):
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
            masked = _keeps(mutation) and scope.is_masked(mutation.variable)
            declared = place.declared.type
            work = partial(mutated_value, mutation, declared, current, evaluation, at.struct)
            wanted = None if _keeps(mutation) else declared
            value = at.watched(mutation.value, wanted, work)
        except ValueProblem as problem:
            raise ValueProblem(f"variable {mutation.variable!r}: {problem}") from problem
        scope.changed[mutation.variable] = Variable(
            at.turn.tenant,
            place.wf_run_id,
            place.thread,
            mutation.variable,
            value,
            masked=masked or at.masked,
        )
    return [
        Change(scope.before[name], after, at.place_of(name).declared)
        for name, after in scope.changed.items()
    ]


def _keeps(mutation: Mutation) -> bool:
    """Whether something of the old value is in the new one."""
    return mutation.path is not None or mutation.operation is not Operation.ASSIGN


def is_wanted(at: At, condition: Expression) -> bool:
    """Whether the node that the thread has come to is to be done, on this condition; a block that
    goes on in a replay was.
    """
    if plan_of_replay(at, at.node_run) is not None:
        return True
    return at.watched(condition, None, partial(Evaluation(at, "run_if").holds, condition))


class _Leaving:
    """Names as the edges of a completed node see them: its output, and variables that mutations
    have changed.
    """

    def __init__(self, at: At) -> None:
        self._at = at
        self.before: dict[str, Variable | None] = {}
        self.changed: dict[str, Variable] = {}

    def variable(self, name: str) -> Value:
        """A changed variable, or as the thread sees it."""
        declared, row = self._at.place_of(name).declared, self._row(name)
        self._at.note_read("VARIABLE", name, declared.type)
        self._at.note_masked(declared.masked or (row is not None and row.masked))
        return None if row is None else row.value

    def is_masked(self, name: str) -> bool:
        """Whether the value of a variable, declared masked or not, is made of something masked."""
        row = self._row(name)
        return row is not None and row.masked

    def _row(self, name: str) -> Variable | None:
        """What there is of a variable; what there was before is read once."""
        if name in self.changed:
            return self.changed[name]
        if name not in self.before:
            self.before[name] = self._at.variable_row(self._at.place_of(name))
        return self.before[name]

    def output(self, node: str) -> Value:
        """The output of the node that is being left, or of an earlier one."""
        node_run = self._at.node_run
        if node != node_run.node:
            return self._at.output(node)
        self._at.note_read("NODE_OUTPUT", node, self.output_type(node))
        self._at.note_masked(node_run.masked)
        return node_run.output

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

    def pay(self, steps: int, parts: int) -> None:
        """As the thread does."""
        self._at.pay(steps, parts)

    def template_names(self, spend: Callable[[int], None]) -> TemplateNames:
        """As the thread sees them, with changed variables."""
        return TemplateNames(self._at, self.variable, spend)
