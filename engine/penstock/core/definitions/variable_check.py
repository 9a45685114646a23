"""Checks the variables that a WfSpec declares."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.faults import Faults
from penstock.core.definitions.inheriting import inheriting_faults
from penstock.core.definitions.node_check import INDEX, INPUT
from penstock.core.definitions.wf_spec import (
    Access,
    SpecBody,
    ThreadSpec,
    VariableDef,
    newest_spec,
)
from penstock.core.limits import JSON_INDEXES_MAX
from penstock.core.state.rows import Rows
from penstock.core.values.paths import path_type
from penstock.core.values.types import SIMPLE, Structs, Type, ValueProblem, check_type
from penstock.core.values.value import coerce

OF_ELEMENTS = frozenset({INPUT, INDEX})
"""What a thread for one of several values is given: each has its own, and sees no other's."""


def check_names(body: SpecBody, faults: Faults) -> None:
    """A name means one variable in all of the spec, since threads see those of threads above."""
    seen: dict[str, str] = {}
    for thread_name, thread in body.threads.items():
        for name in sorted({declared.name for declared in thread.variables} - OF_ELEMENTS):
            if name in seen:
                faults.add(
                    FaultKind.VARIABLE_TWICE,
                    f"variable {name!r} is declared in thread {seen[name]!r}, too;"
                    " use another name",
                    thread=thread_name,
                )
            seen.setdefault(name, thread_name)


def check_variables(name: str, thread: ThreadSpec, structs: Structs, faults: Faults) -> None:
    """Faults of a thread's variables, each with its name."""
    seen: set[str] = set()
    for variable in thread.variables:
        if variable.name in seen:
            faults.add(
                FaultKind.VARIABLE_TWICE,
                f"variable {variable.name!r} is declared twice",
                thread=name,
            )
        seen.add(variable.name)
        try:
            declared = check_type(variable.type, structs)
        except ValueProblem as problem:
            what = f"variable {variable.name!r}: "
            faults.problem(FaultKind.BAD_TYPE, problem, what, thread=name)
            continue
        try:
            coerce(variable.default, variable.type, structs)
        except ValueProblem as problem:
            what = f"default of variable {variable.name!r}: "
            faults.problem(FaultKind.BAD_DEFAULT, problem, what, thread=name)
        for kind, fault in (*_faults(variable), *_index_faults(variable, declared, structs)):
            faults.add(kind, f"variable {variable.name!r} {fault}", thread=name)


def check_inherited(body: SpecBody, rows: Rows, tenant: str, faults: Faults) -> None:
    """What is inherited is the entrypoint's, and a variable that the newest version of the parent
    (of the major version that is named) does not keep to itself.
    """
    inherited = [
        (name, variable)
        for name, thread in body.threads.items()
        for variable in thread.variables
        if variable.is_inherited
    ]
    if body.parent is None:
        if body.parent_major is not None:
            faults.add(
                FaultKind.INHERITED_WITHOUT_PARENT,
                "parent_major names a major version of the parent, but there is no parent",
            )
        for name, variable in inherited:
            faults.add(
                FaultKind.INHERITED_WITHOUT_PARENT,
                f"variable {variable.name!r} is inherited, but the spec names no parent",
                thread=name,
            )
        return
    spec = newest_spec(rows, tenant, body.parent, body.parent_major)
    if spec is None:
        asked = "" if body.parent_major is None else f" in major version {body.parent_major}"
        faults.missing(
            FaultKind.PARENT_UNKNOWN,
            f"the parent WfSpec {body.parent!r} is not registered{asked}; register it first",
        )
        return
    for name, variable in inherited:
        if name != body.entrypoint:
            faults.add(
                FaultKind.INHERITED_BELOW,
                f"variable {variable.name!r} is inherited, which only the entrypoint's variables"
                " can be",
                thread=name,
            )
    if body.entrypoint not in body.threads:
        return
    for kind, fault in inheriting_faults(body, spec):
        faults.add(kind, fault, thread=body.entrypoint)


def _faults(variable: VariableDef) -> Iterator[tuple[FaultKind, str]]:
    if variable.required and variable.default is not None:
        yield FaultKind.DEFAULT_OF_REQUIRED, "is required and has a default; take one of them away"
    if variable.access is Access.INHERITED_VAR and (
        variable.required or variable.default is not None
    ):
        yield (
            FaultKind.DEFAULT_OF_INHERITED,
            "is inherited: it is the parent's, so it is neither required nor has a default",
        )
    if variable.access is Access.INHERITED_VAR and (variable.searchable or variable.json_indexes):
        yield (
            FaultKind.INDEX_OF_INHERITED,
            "is inherited: runs are searched for by it where it is kept, by the parent's WfSpec",
        )


def _index_faults(
    variable: VariableDef, declared: Type, structs: Structs
) -> Iterator[tuple[FaultKind, str]]:
    """Simple values are searched for as a whole, others by what paths lead to."""
    if variable.searchable and declared not in SIMPLE:
        yield (
            FaultKind.NOT_SEARCHABLE,
            f"is {declared}, which can not be searchable; use json_indexes",
        )
    if variable.json_indexes and declared in SIMPLE:
        yield (
            FaultKind.NOT_INDEXABLE,
            f"is {declared}, which has no json_indexes; use searchable",
        )
        return
    if variable.masked and (variable.searchable or variable.json_indexes):
        yield (
            FaultKind.INDEX_OF_MASKED,
            "is masked, so no run can be searched for by it; take one of the two away",
        )
    if len(variable.json_indexes) > JSON_INDEXES_MAX:
        yield (
            FaultKind.INDEX_COUNT,
            f"has {len(variable.json_indexes)} json_indexes; it may have {JSON_INDEXES_MAX}",
        )
    paths: set[str] = set()
    for index in variable.json_indexes:
        if index.path in paths:
            yield FaultKind.INDEX_TWICE, f"has the json_index {index.path!r} twice"
        paths.add(index.path)
        try:
            wanted = check_type(index.type, structs)
            found = path_type(declared, index.path, structs)
        except ValueProblem as problem:
            yield FaultKind.BAD_INDEX, f"has a json_index that is wrong: {problem}"
            continue
        if wanted not in SIMPLE:
            yield (
                FaultKind.BAD_INDEX,
                f"has a json_index of type {wanted}; use one of {', '.join(sorted(SIMPLE))}",
            )
        elif found is not None and found != wanted:
            yield (
                FaultKind.BAD_INDEX,
                f"has a json_index of type {wanted}, but {index.path!r} leads to {found}",
            )
