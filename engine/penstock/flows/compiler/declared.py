"""What a flow declares: its inputs, its variables, and what its tasks give. A template that looks
for something else below `inputs`, `vars` or `outputs` fails in every run that comes to it.

Rule: what is refused here is certain. What only a run can tell (the values of a for-each, what a
task of the user's own gives, all that is below an object) is taken as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Final, cast

from msgspec import Struct

from penstock.flows.compiler.inputs import type_of
from penstock.flows.document import Mistake
from penstock.flows.model import Flow, FlowInput, FlowTask

_OBJECTS: Final = frozenset({type_of("JSON"), type_of("ARRAY")})
_SHOWN_MAX: Final = 10
_EACH: Final = frozenset({"for-each", "each-sequential", "each-parallel"})
"""Kinds whose tasks give something for each value, and below it."""


class Below(Struct, frozen=True):
    """What there is below a name: some names, or, below any name, `other`."""

    named: dict[str, Below] = {}
    other: Below | None = None

    def at(self, key: str | None) -> Below | None:
        """What is there; None if there is nothing. A key that only a run tells may be any."""
        if key is None:
            return self.other or (ANYTHING if self.named else None)
        return self.named.get(key, self.other)


class _Anything(Below, frozen=True):
    def at(self, key: str | None) -> Below | None:
        return self


ANYTHING: Final = _Anything()
NOTHING: Final = Below()


def _fields(*names: str, **more: Below) -> Below:
    """Simple values by these names, and what is below others."""
    return Below(dict.fromkeys(names, NOTHING) | more)


GIVES: Final[dict[str, Below]] = {
    "return": _fields("value"),
    "log": NOTHING,
    "fail": NOTHING,
    "sleep": NOTHING,
    "http-request": _fields("code", "body", "encoding", "uri", headers=ANYTHING),
    "send-webhook": _fields("code", "webhook_id", "timestamp"),
    "task": ANYTHING,
    "if": _fields("evaluationResult"),
    "switch": _fields("value", "defaults"),
    "loop-until": _fields("iterationCount"),
    "subflow": _fields("executionId", "state", outputs=ANYTHING),
    "for-each-item": _fields("numberOfBatches", iterations=ANYTHING, subflowOutputs=ANYTHING),
}
"""What a task of each kind gives, but a pause, which is given what it asks for; of one that is not
here nothing can be read.
"""


def undeclared(flow: Flow) -> Iterator[Mistake]:
    """What templates of a flow look for and is never there."""
    known = {
        "inputs": _fields_of(flow.inputs),
        "outputs": Below(dict(_outputs(flow.all_tasks, 0))),
    }
    if flow.variables:  # else there is no such name
        known["vars"] = _as_it_stands(flow.variables)
    for mark, path in flow.names:
        below = known.get(path.root, ANYTHING)
        for number, key in enumerate(path.keys):
            found = below.at(key)
            if found is None:
                yield Mistake(mark, _said(flow, path.root, path.keys[: number + 1], below))
                break
            below = found


def _fields_of(inputs: Iterable[FlowInput]) -> Below:
    return Below({one.id: ANYTHING if type_of(one.type) in _OBJECTS else NOTHING for one in inputs})


def _as_it_stands(value: Any) -> Below:
    """Nobody renders variables by themselves: their keys are what they are."""
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)
        return Below({key: _as_it_stands(inner) for key, inner in table.items()})
    return ANYTHING if isinstance(value, list) else NOTHING


def _outputs(tasks: Iterable[FlowTask], depth: int) -> Iterator[tuple[str, Below]]:
    """What each task gives, below so many values."""
    for task in tasks:
        gives = GIVES.get(task.kind.name)
        if task.kind.name == "pause":
            gives = _fields(onResume=_fields_of(task.inputs) if task.inputs else ANYTHING)
        if gives is not None:
            for _ in range(depth):
                gives = Below(other=gives)
            yield task.id, gives
        below = depth + (task.kind.name in _EACH)
        for body in (*task.bodies.values(), *task.cases.values()):
            yield from _outputs(body, below)
        yield from _outputs(task.errors, depth)


def _said(flow: Flow, root: str, keys: tuple[str | None, ...], below: Below) -> str:
    """What is not there, and what may have been meant."""
    *way, last = keys
    said = f"a template reads {_shown(root, keys)[:200]!r}, which is never there; "
    if root == "outputs" and not way and last in flow.ids:
        known = any(task.id == last for task in _all(flow.all_tasks))
        return f"{said}task {last!r} {'gives no outputs' if known else 'is disabled'}"
    names = sorted(below.named)
    # Without brackets what has a dash in it is read as a difference.
    near = [name for name in names if name.startswith(f"{last}-")]
    near = near or get_close_matches(str(last), names, 1)
    if near:
        return f"{said}did you mean {_shown(root, (*way, near[0]))!r}?"
    if not names:
        return f"{said}there is nothing below {_shown(root, way)!r}"
    more = f" and {len(names) - _SHOWN_MAX} more" if len(names) > _SHOWN_MAX else ""
    return f"{said}there are {', '.join(names[:_SHOWN_MAX])}{more}"


def _all(tasks: Iterable[FlowTask]) -> Iterator[FlowTask]:
    for task in tasks:
        yield task
        for body in (*task.bodies.values(), *task.cases.values(), task.errors):
            yield from _all(body)


def _shown(root: str, keys: Iterable[str | None]) -> str:
    """As it is written in a template."""
    return root + "".join(
        "[...]" if key is None else f".{key}" if key.isidentifier() else f"[{key!r}]"
        for key in keys
    )
