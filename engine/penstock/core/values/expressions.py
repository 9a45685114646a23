"""The value of an expression: one bounded evaluator for conditions, inputs, mutations and outputs.

Rules: it is pure (names, time and ids come from a `Scope`, so that this file knows nothing of runs
and threads); it raises nothing but ValueProblem; and it takes a bounded number of steps, in which
what is read of large values counts, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, cast

from penstock.core.ids import derive_uuid
from penstock.core.limits import (
    EXPRESSION_BYTES_PER_STEP,
    EXPRESSION_STEPS_MAX,
    VALUE_PARTS_PER_STEP,
)
from penstock.core.values.casts import cast_to, converted, truncated
from penstock.core.values.comparing import Comparator, compare
from penstock.core.values.formats import formatted
from penstock.core.values.forms import (
    Built,
    Cast,
    Comparison,
    Expression,
    Format,
    Literal,
    Not,
    Now,
    Operated,
    OutputRef,
    Rendered,
    Secret,
    SizeOf,
    Template,
    Uuid,
    VariableRef,
    check_form,
    parts_of,
)
from penstock.core.values.operations import LOGIC, Operation, operate, size_of
from penstock.core.values.paths import follow_path
from penstock.core.values.templates.evaluator import Rendering
from penstock.core.values.templates.functions import SECRET_MISPLACED
from penstock.core.values.templates.names import Names
from penstock.core.values.templates.operators import text, truth
from penstock.core.values.texts import json_of
from penstock.core.values.timestamps import timestamp_text
from penstock.core.values.types import (
    StructField,
    Type,
    ValueProblem,
    ValueType,
    parse_type,
    struct_fields,
    struct_type,
)
from penstock.core.values.value import (
    Value,
    check_bounds,
    coerce_to,
    parts_in,
    type_name,
    value_bytes,
)

__all__ = [
    "Comparator",
    "Comparison",
    "Evaluation",
    "Expression",
    "Literal",
    "OutputRef",
    "Scope",
    "VariableRef",
    "check_form",
    "compare",
    "evaluate",
    "evaluate_as",
    "is_true",
    "parts_of",
]


class Scope(Protocol):
    """What names mean where an expression stands; ValueProblem for one that means nothing."""

    def variable(self, name: str) -> Value:
        """The value of a variable that can be seen from here."""
        ...

    def output(self, node: str) -> Value:
        """The newest output of a node."""
        ...

    def variable_type(self, name: str) -> str | None:
        """The declared type of a variable."""
        ...

    def output_type(self, node: str) -> str | None:
        """The type of a node's output; None if it has none."""
        ...

    def struct(self, name: str) -> Mapping[str, StructField] | None:
        """The fields of a StructDef."""
        ...

    def now_ms(self) -> int:
        """The log's time."""
        ...

    def seed(self) -> tuple[str | int, ...]:
        """What ids are derived from: no other place in any run has the same."""
        ...

    def pay(self, steps: int, parts: int) -> None:
        """So many steps were taken, and so many parts of values looked at."""
        ...

    def template_names(self, spend: Callable[[int], None]) -> Names:
        """What names mean in a template; what is read for it is paid for by `spend`."""
        ...


def evaluate(expression: Expression, scope: Scope, place: str = "") -> Value:
    """The value of an expression, or ValueProblem. `place` tells the expressions of one scope
    apart, so that each has UUIDs of its own.
    """
    return Evaluation(scope, place).value(expression)


def evaluate_as(expression: Expression, wanted: str, scope: Scope, place: str = "") -> Value:
    """The value of an expression as a place of this type takes it, or ValueProblem."""
    return Evaluation(scope, place).value_as(expression, parse_type(wanted))


def is_true(condition: Expression, scope: Scope, place: str = "") -> bool:
    """Whether a condition holds; anything but a BOOL is a ValueProblem."""
    return Evaluation(scope, place).holds(condition)


def _texts(value: Value) -> Value:
    """An array, or text that is one, as an array of texts."""
    items: Value = json_of(value) if isinstance(value, str) else value
    if not isinstance(items, list):
        raise ValueProblem(f"{type_name(value)} is no array")
    if None in items:
        raise ValueProblem("an array of texts has no null")
    said: Value = [text(item) for item in cast("list[Value]", items)]
    check_bounds(said)
    return said


class Evaluation:
    """One budget of steps, spent on one expression or on several."""

    def __init__(self, scope: Scope, place: str = "") -> None:
        self._scope = scope
        self._place = place
        self._steps_left = EXPRESSION_STEPS_MAX
        self._uuids = 0
        self._templates = 0

    def holds(self, condition: Expression) -> bool:
        """Whether a condition is true; anything but a BOOL is a ValueProblem."""
        value = self.value(condition)
        if not isinstance(value, bool):
            raise ValueProblem(f"a condition must be BOOL, this one is {type_name(value)}")
        return value

    def value_as(self, expression: Expression, wanted: Type) -> Value:
        """The value as a place of this type takes it. A number that was worked out here fits an
        INT: what is behind its point is cut.
        """
        return self.settled(self.value(expression), wanted, cut=isinstance(expression, Operated))

    def settled(self, value: Value, wanted: Type, *, cut: bool) -> Value:
        """A value as a place of this type takes it."""
        if cut and wanted is ValueType.INT and isinstance(value, float):
            return truncated(value)
        self._spend_on(value)
        return converted(value, wanted, self._scope.struct)

    def value(self, expression: Expression) -> Value:
        """The value of an expression."""
        self._spend(1)
        match expression:
            case Literal():
                return expression.value
            case VariableRef():
                value = self._scope.variable(expression.name)
                if expression.path is None:
                    return value
                declared = self._scope.variable_type(expression.name)
                return self._followed(value, expression.path, declared)
            case OutputRef():
                value = self._scope.output(expression.node)
                if expression.path is None:
                    return value
                declared = self._scope.output_type(expression.node)
                return self._followed(value, expression.path, declared)
            case Comparison():
                left, right = self.value(expression.left), self.value(expression.right)
                self._spend_on(left, right)
                return compare(left, expression.comparator, right)
            case Operated():
                return self._operated(expression)
            case Not():
                return not self._bool(expression.value, "NOT")
            case SizeOf():
                return size_of(self.value(expression.value))
            case Cast():
                value = self.value(expression.value)
                self._spend_on(value)
                return cast_to(value, parse_type(expression.type), self._scope.struct)
            case Format():
                return self._formatted(expression)
            case Built():
                return self._built(expression)
            case Now():
                return timestamp_text(self._scope.now_ms())
            case Uuid():
                self._uuids += 1
                return derive_uuid("uuid", *self._scope.seed(), self._place, self._uuids)
            case Template():
                return self._templated(expression)
            case Secret():
                raise ValueProblem(SECRET_MISPLACED)

    def _followed(self, value: Value, path: str, declared: str | None) -> Value:
        kind = None if declared is None else parse_type(declared)
        return follow_path(value, path, kind, self._scope.struct)

    def operated(self, left: Value, operation: Operation, right: Value) -> Value:
        """What an operation makes of two values."""
        self._spend_on(left, right)
        made: Value = operate(left, operation, right)
        if isinstance(made, (str, bytes, list, dict)):
            check_bounds(cast(Value, made))
        return cast(Value, made)

    def _operated(self, expression: Operated) -> Value:
        if expression.operation not in LOGIC:
            left = self.value(expression.left)
            return self.operated(left, expression.operation, self.value(expression.right))
        left = self._bool(expression.left, expression.operation)
        if left is (expression.operation is Operation.OR):
            return left
        return self._bool(expression.right, expression.operation)

    def _bool(self, expression: Expression, what: str) -> bool:
        value = self.value(expression)
        if not isinstance(value, bool):
            raise ValueProblem(f"{what} wants BOOL, not {type_name(value)}")
        return value

    def _formatted(self, expression: Format) -> Value:
        args = [self.value(arg) for arg in expression.args]
        self._spend_on(*args)
        made = formatted(expression.template, args)
        check_bounds(made)
        return made

    def _built(self, expression: Built) -> Value:
        wanted = struct_type(expression.struct)
        fields = struct_fields(wanted, self._scope.struct)
        made: dict[str, Value] = {}
        for name in sorted(expression.fields):
            if name not in fields:
                raise ValueProblem(f"{wanted} has no field {name!r}")
            made[name] = self.value_as(expression.fields[name], parse_type(fields[name].type))
        return coerce_to(made, wanted, self._scope.struct)

    def _templated(self, expression: Template) -> Value:
        names = self._scope.template_names(self._spend)  # what was looked up may have changed
        made = self._rendered(expression.template, names)
        check_bounds(made)
        match expression.gives:
            case Rendered.VALUE:
                return made
            case Rendered.TRUTH:
                return truth(made)
            case Rendered.TEXTS:
                return _texts(made)
            case Rendered.TEXT:
                said = text(made)
                check_bounds(said)
                return said

    def _rendered(self, template: Value, names: Names) -> Value:
        """The value with each text in it rendered; keys stay texts."""
        self._spend(1)
        match template:
            case str():
                value = self._rendering(names).value(template)
                self._spend_on(value)
                return value
            case list():
                return [self._rendered(item, names) for item in cast("list[Value]", template)]
            case dict():
                made: dict[str, Value] = {}
                for key, item in sorted(cast("dict[str, Value]", template).items()):
                    name = self._rendering(names).text(key)
                    if name in made:
                        raise ValueProblem(f"two keys of an object are both {name[:60]!r}")
                    made[name] = self._rendered(item, names)
                return made
            case _:
                return template

    def _rendering(self, names: Names) -> Rendering:
        """For one text; its ids are its own."""
        self._templates += 1
        return Rendering(names, self._spend, f"{self._place}.{self._templates}")

    def _spend(self, steps: int) -> None:
        self._steps_left -= steps
        self._scope.pay(steps, 0)
        if self._steps_left < 0:
            raise ValueProblem(f"it takes more than {EXPRESSION_STEPS_MAX} steps")

    def _spend_on(self, *values: Value) -> None:
        """Large values cost as much as there is to read."""
        for value in values:
            if isinstance(value, (str, bytes)):
                if len(value) >= EXPRESSION_BYTES_PER_STEP:
                    self._spend(len(value) // EXPRESSION_BYTES_PER_STEP)
            elif isinstance(value, (list, dict)):
                parts = parts_in(value)
                self._scope.pay(0, parts)
                steps = value_bytes(value) // EXPRESSION_BYTES_PER_STEP
                self._spend(max(steps, parts // VALUE_PARTS_PER_STEP))
