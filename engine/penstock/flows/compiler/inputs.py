"""Inputs and outputs of a flow: their types, and what they may be."""

from __future__ import annotations

import json
from typing import Any, Final

from penstock.core.definitions.wf_spec import Access, VariableDef
from penstock.core.values.expressions import (
    Comparator,
    Comparison,
    Expression,
    Literal,
    VariableRef,
)
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import coerce
from penstock.flows.document import Mistake
from penstock.flows.model import FlowInput

TYPES: Final[dict[str, str]] = {
    "INT": "INT",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOL",
    "BOOL": "BOOL",
    "DATETIME": "TIMESTAMP",
    "JSON": "JSON_OBJ",
    "ARRAY": "JSON_ARR",
}
"""All others are text."""


def type_of(kind: str) -> str:
    """The type of a variable that holds such an input, or output."""
    return TYPES.get(kind, "STR")


def private(name: str, kind: str, default: Any = None) -> VariableDef:
    """A variable of the flow's own machinery."""
    return VariableDef(name, kind, default=default, access=Access.PRIVATE_VAR)


def variable_of(given: FlowInput, mistakes: list[Mistake]) -> VariableDef:
    """An input as a variable of the entrypoint."""
    kind = type_of(given.type)
    if given.type == "JSON" and _is_list(given.defaults):
        kind = type_of("ARRAY")
    default = None if given.defaults is None else _default(given, kind, mistakes)
    required = given.required and default is None
    return VariableDef(given.id, kind, required=required, default=default)


def struct_of(inputs: tuple[FlowInput, ...]) -> str:
    """The type of an object with these inputs."""
    fields = (f"{one.id}{'' if one.required else '?'}:{type_of(one.type)}" for one in inputs)
    return f"STRUCT{{{','.join(sorted(fields))}}}"


def is_allowed(given: FlowInput) -> Expression | None:
    """What must hold of an input that is one of some values."""
    if not given.values:
        return None
    allowed: list[Any] = [*given.values, *(() if given.required else (None,))]
    return Comparison(VariableRef(given.id), Comparator.IN, Literal(allowed))


def _is_list(given: Any) -> bool:
    return isinstance(given, list) or (isinstance(given, str) and given.lstrip().startswith("["))


def _default(given: FlowInput, kind: str, mistakes: list[Mistake]) -> Any:
    """The default as its type has it: YAML may have taken it for something else."""
    value = given.defaults
    try:
        if kind in ("JSON_OBJ", "JSON_ARR") and isinstance(value, str):
            value = json.loads(value)
        elif kind == "STR" and not isinstance(value, str):
            value = json.dumps(value)
        elif kind in ("INT", "DOUBLE") and isinstance(value, str):
            value = int(value) if kind == "INT" else float(value)
        return coerce(value, kind)
    except (ValueError, ValueProblem) as problem:
        mark, said = given.mark, str(problem)
        if isinstance(problem, json.JSONDecodeError) and given.written is not None:
            mark, said = given.written.mark_of(problem.pos), problem.msg
        mistakes.append(Mistake(mark, f"defaults of input {given.id!r} is no {given.type}: {said}"))
        return None
