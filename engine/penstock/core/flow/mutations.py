"""What a mutation makes of a variable."""

from __future__ import annotations

from penstock.core.definitions.graph import Mutation
from penstock.core.values.expressions import Evaluation
from penstock.core.values.forms import Operated
from penstock.core.values.operations import Operation
from penstock.core.values.paths import follow_path, path_type, put_at
from penstock.core.values.types import Structs, parse_type
from penstock.core.values.value import Value


def mutated_value(
    mutation: Mutation, declared: str, current: Value, at: Evaluation, structs: Structs
) -> Value:
    """The variable's new value, or ValueProblem; `current` stays as it is.

    An operation on an INT gives an INT: what is behind the point is cut.
    """
    whole = parse_type(declared)
    path, operation = mutation.path, mutation.operation
    target = whole if path is None else path_type(whole, path, structs)
    new = at.value(mutation.value)
    cut = isinstance(mutation.value, Operated)
    if operation is not Operation.ASSIGN:
        old = current if path is None else follow_path(current, path, whole, structs)
        new, cut = at.operated(old, operation, new), True
    if target is not None:
        new = at.settled(new, target, cut=cut)
    if path is None:
        return new
    return at.settled(put_at(current, path, new), whole, cut=False)
