"""The version law of WfSpecs: what makes a change a new major version, and what may not change.

- A major version: the set of public variables changes, or of the variables that a starter must
  give, or the type of what the entrypoint returns. Anything else is a revision.
- Frozen: a variable that was public or required in any version keeps its type in all later ones.

Variables of the entrypoint go by their name, others by thread and name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from penstock.core.definitions.wf_spec import Access, Interface, SpecBody, VariableDef

UNKNOWN_TYPE: Final = "ANY"
"""The type of what only a run will tell; it is not held against a change."""


def interface_of(body: SpecBody, returns: Iterable[str]) -> Interface:
    """What others rely on; `returns` are the types of what the entrypoint's EXITs return."""
    public = (name for name, variable in _variables(body) if variable.access is Access.PUBLIC_VAR)
    entrypoint = body.threads[body.entrypoint].variables
    required = (variable.name for variable in entrypoint if variable.required)
    return Interface(_sorted(public), _sorted(required), _sorted(returns))


def breaks(before: Interface, after: Interface) -> tuple[str, ...]:
    """What changes for those who rely on it, in words; empty for a revision."""
    found: list[str] = []
    if before.public != after.public:
        found.append("the public variables" + _difference(before.public, after.public))
    if before.required != after.required:
        found.append("the required variables" + _difference(before.required, after.required))
    types = {*before.returns, *after.returns}
    if UNKNOWN_TYPE not in types and before.returns != after.returns:
        found.append("the type of what is returned" + _difference(before.returns, after.returns))
    return tuple(found)


def frozen_of(body: SpecBody) -> dict[str, str]:
    """The variables whose types this version freezes, by name."""
    return {
        name: str(variable.type)
        for name, variable in sorted(_variables(body), key=lambda named: named[0])
        if variable.required or variable.access is Access.PUBLIC_VAR
    }


def frozen_faults(frozen: Mapping[str, str], body: SpecBody) -> tuple[tuple[str, str], ...]:
    """The variables that have another type than an earlier version has frozen: each with its
    thread, in words.
    """
    return tuple(
        (
            name.rpartition("/")[0] or body.entrypoint,
            f"variable {name!r} was {frozen[name]} in an earlier version and can not become"
            f" {variable.type}; declare one of another name",
        )
        for name, variable in _variables(body)
        if name in frozen and frozen[name] != str(variable.type)
    )


def _variables(body: SpecBody) -> Iterator[tuple[str, VariableDef]]:
    """Every variable under the name by which the law knows it; no name has a slash."""
    for thread, blueprint in body.threads.items():
        for variable in blueprint.variables:
            inner = thread != body.entrypoint
            yield f"{thread}/{variable.name}" if inner else variable.name, variable


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _difference(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    less, more = sorted(set(before) - set(after)), sorted(set(after) - set(before))
    said = [f"without {', '.join(less)}"] * bool(less) + [f"with {', '.join(more)}"] * bool(more)
    return f" ({', '.join(said)})"
