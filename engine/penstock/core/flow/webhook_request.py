"""What a request to a webhook gives the run that it starts: the value that tells of the request,
and the variables that are made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.webhooks import TRIGGER
from penstock.core.definitions.wf_spec import VariableDef, WfSpec
from penstock.core.flow.starting import listener
from penstock.core.limits import EXPRESSION_BYTES_PER_STEP
from penstock.core.state.turn import Turn
from penstock.core.values.casts import cast_to
from penstock.core.values.expressions import evaluate
from penstock.core.values.forms import Template
from penstock.core.values.templates.names import Found, Undefined
from penstock.core.values.templates.operators import text
from penstock.core.values.types import (
    StructField,
    Structs,
    ValueProblem,
    ValueType,
    parse_type,
)
from penstock.core.values.value import Value, value_bytes


def variables_of(
    turn: Turn, spec: WfSpec, wf_run_id: str, inputs: dict[str, Value], told: dict[str, Value]
) -> dict[str, Value]:
    """The variables of a run that a request starts, or ValueProblem. Its variable `trigger`, if it
    has one, is what is told of the request, unless the inputs say what it is to be.
    """
    request = _Request(turn, wf_run_id, told)
    made = cast("dict[str, Value]", evaluate(Template(inputs), request))
    thread = spec.body.threads[spec.body.entrypoint]
    for name in sorted(made):
        declared = thread.variable(name)
        if declared is not None:
            made[name] = _fitted(made[name], declared, request.struct)
    if listener(spec) is not None:
        made.setdefault(TRIGGER, told)
    return made


def _fitted(value: Value, declared: VariableDef, structs: Structs) -> Value:
    """Parameters and forms are text, whatever they mean: text is read as a CAST reads it, and a
    variable that is text takes the text of anything.
    """
    wanted = parse_type(declared.type)
    if value is None:
        return None
    if wanted is ValueType.STR:
        return text(value)
    if not isinstance(value, str):
        return value
    try:
        return cast_to(value, wanted, structs)
    except ValueProblem as problem:
        said = f"it is not {wanted}" if declared.masked else str(problem)
        raise ValueProblem(f"variable {declared.name!r}: {said}") from None


class _Request:
    """Names of a template over a request: there is `trigger`, and nothing else."""

    def __init__(self, turn: Turn, wf_run_id: str, told: dict[str, Value]) -> None:
        self._turn = turn
        self._wf_run_id = wf_run_id
        self._told = told
        self._struct = structs_of(turn)
        self._spend: Callable[[int], None] | None = None

    def root(self, name: str) -> Found:
        """The request is paid for each time that it is read."""
        if name != TRIGGER:
            return Undefined(name)
        if self._spend is not None:
            self._spend(value_bytes(self._told) // EXPRESSION_BYTES_PER_STEP)
            self._spend = None  # once is enough: all inputs together are one template
        return self._told

    def variable(self, name: str) -> Value:
        """The request, as a variable."""
        if name != TRIGGER:
            raise ValueProblem(f"there is no variable {name!r}; there is {TRIGGER!r}")
        return self._told

    def output(self, node: str) -> Value:
        """No node has run yet."""
        raise ValueProblem(f"there is no node {node!r} yet")

    def variable_type(self, name: str) -> str | None:
        """What tells of the request is an object."""
        return "JSON_OBJ" if name == TRIGGER else None

    def output_type(self, node: str) -> str | None:
        """No node has run yet."""
        return None

    def struct(self, name: str) -> Mapping[str, StructField] | None:
        """The fields of a StructDef."""
        return self._struct(name)

    def now_ms(self) -> int:
        """The log's time."""
        return self._turn.at_ms

    def seed(self) -> tuple[str | int, ...]:
        """The run, at the place of its start."""
        return (self._turn.shard.partition, self._turn.offset, self._wf_run_id, TRIGGER)

    def pay(self, steps: int, parts: int) -> None:
        """The turn pays."""
        self._turn.pay(steps, parts)

    def template_names(self, spend: Callable[[int], None]) -> _Request:
        """Names are those of the request."""
        self._spend = spend
        return self
