"""What names mean where a start says what its run gets: facts of the end, named values, and in
templates what the run that has ended has published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from penstock.core.definitions.run_starts import END_FACTS
from penstock.core.definitions.structs import struct_fields_of
from penstock.core.flow.at import NOT_SHOWN
from penstock.core.flow.published import outputs_of_run
from penstock.core.limits import EXPRESSION_BYTES_PER_STEP
from penstock.core.state.start_rows import RunEnd
from penstock.core.state.turn import Turn
from penstock.core.values.expressions import Expression, evaluate, evaluate_as
from penstock.core.values.templates.names import Found, Undefined
from penstock.core.values.timestamps import timestamp_text
from penstock.core.values.types import StructField, ValueProblem
from penstock.core.values.value import Value, value_bytes

_OUTPUTS: Final = "outputs"
_MASKED: Final = "output"  # of the facts, the only one that may be


class EndScope:
    """The scope of names of one start; `masked` says of the expression that was worked out last
    whether it was made of something masked.
    """

    def __init__(self, turn: Turn, end: RunEnd, start_id: str, wf_spec: str) -> None:
        self.turn = turn
        self.end = end
        self.masked = False
        self._place = (wf_spec, start_id)
        self._facts = _facts(end)
        self._named: dict[str, tuple[Value, bool]] = {}

    def name(self, name: str, expression: Expression) -> None:
        """Work out a named value."""
        value = self._watched(lambda: evaluate(expression, self, f"named.{name}"))
        self._named[name] = (value, self.masked)

    def input(self, name: str, expression: Expression, wanted: str) -> Value:
        """Work out an input."""
        return self._watched(lambda: evaluate_as(expression, wanted, self, f"input.{name}"))

    def _watched(self, work: Callable[[], Value]) -> Value:
        self.masked = False
        try:
            return work()
        except ValueProblem:
            if self.masked:
                raise ValueProblem(NOT_SHOWN) from None
            raise

    def has(self, name: str) -> bool:
        """Whether a name means something."""
        return name in self._named or name in self._facts

    def variable(self, name: str) -> Value:
        """A named value, or a fact."""
        if name in self._named:
            value, masked = self._named[name]
            self.note_masked(masked)
            return value
        if name not in self._facts:
            raise ValueProblem(f"an end has no {name!r}; it has {sorted(self._facts)}")
        self.note_masked(name == _MASKED and self.end.masked)
        return self._facts[name]

    def note_masked(self, masked: bool) -> None:
        """What is being read is masked, or not."""
        self.masked |= masked

    def output(self, node: str) -> Value:
        """Nothing: nodes are named in templates."""
        raise ValueProblem(f"output of node {node!r}: a template can read outputs.{node}")

    def variable_type(self, name: str) -> str | None:
        """The type of a fact."""
        return None if name in self._named else END_FACTS.get(name)

    def output_type(self, node: str) -> str | None:
        """Nobody knows."""
        return None

    def struct(self, name: str) -> Mapping[str, StructField] | None:
        """The fields of a StructDef."""
        return struct_fields_of(self.turn.rows, self.turn.tenant, name)

    def now_ms(self) -> int:
        """The log's time."""
        return self.turn.at_ms

    def seed(self) -> tuple[str | int, ...]:
        """This start after this end."""
        end, partition = self.end, self.turn.shard.partition
        born = (partition, end.born_offset, end.wf_run_id)
        return ("start", *born, end.number, *self._place)

    def pay(self, steps: int, parts: int) -> None:
        """Evaluating is paid for by the turn."""
        self.turn.pay(steps, parts)

    def template_names(self, spend: Callable[[int], None]) -> EndNames:
        """What names mean in a template here."""
        return EndNames(self, spend)


class EndNames:
    """The names of a template; what is read is paid for."""

    def __init__(self, scope: EndScope, spend: Callable[[int], None]) -> None:
        self._scope = scope
        self._spend = spend

    def root(self, name: str) -> Found:
        """What a name means here."""
        scope = self._scope
        if scope.has(name):
            value = scope.variable(name)
            size = value_bytes(value) if isinstance(value, (str, bytes, list, dict)) else 0
            self._spend(size // EXPRESSION_BYTES_PER_STEP)
            return cast(Value, value)
        if name == _OUTPUTS:
            return outputs_of_run(scope, scope.end.wf_run_id, self._spend)
        return Undefined(name)

    def now_ms(self) -> int:
        """The log's time."""
        return self._scope.now_ms()

    def seed(self) -> tuple[str | int, ...]:
        """This start after this end."""
        return self._scope.seed()


def _facts(end: RunEnd) -> dict[str, Value]:
    namespace = end.namespace
    labels: dict[str, Any] = {**end.labels}
    return {
        "wf_run_id": end.wf_run_id,
        "wf_spec": end.wf_spec,
        "name": end.wf_spec.removeprefix(f"{namespace}.") if namespace else end.wf_spec,
        "namespace": namespace,
        "version": end.version,
        "state": str(end.state),
        "failure": end.failure,
        "message": end.message,
        "labels": labels,
        "output": end.output,
        "ended_at": timestamp_text(end.ended_ms),
    }
