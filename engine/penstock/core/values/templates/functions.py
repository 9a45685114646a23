"""Functions: `name(args)`. Each gets the evaluation, for time, ids and what names mean."""

from __future__ import annotations

from typing import Any, Final, Protocol, cast

from penstock.core.ids import derive_uuid, fraction_of
from penstock.core.values.templates.dates import formatted
from penstock.core.values.templates.names import Found, Lazy, Names, Undefined
from penstock.core.values.templates.operators import BINARY, array, number, text, whole_number
from penstock.core.values.templates.params import Called
from penstock.core.values.texts import json_of
from penstock.core.values.timestamps import timestamp_text
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds

SECRET_MISPLACED: Final = (
    "only a worker knows a secret: use it as an input of a task as a whole, and have the task do"
    " what is to be done with it"
)


class Asking(Protocol):
    """What a function may ask of the evaluation that calls it."""

    names: Names

    def seed(self) -> tuple[str | int, ...]:
        """What the next id, or the next chance, is derived from."""
        ...

    def render(self, template: str) -> str:
        """The text of another template, from the same budget."""
        ...


def _now(at: Asking, format: Value = None, timeZone: Value = "UTC") -> Value:
    now = timestamp_text(at.names.now_ms())
    return now if format is None else formatted(now, text(format), text(timeZone))


def _uuid(at: Asking) -> Value:
    return derive_uuid("template", *at.seed())


def _random_int(at: Asking, lower: Value, upper: Value) -> Value:
    """Derived, not thrown: folded again it is the same (I1)."""
    low, high = whole_number(lower, "randomInt"), whole_number(upper, "randomInt")
    if low >= high:
        raise ValueProblem("randomInt wants a lower that is less than upper")
    return low + int(fraction_of("template", *at.seed()) * (high - low))


def _from_json(at: Asking, json_text: Value) -> Value:
    source = text(json_text)
    try:
        value = json_of(source)
    except ValueProblem as problem:
        raise ValueProblem(f"fromJson: {problem}") from problem
    check_bounds(value)
    return value


def _most(*, largest: bool) -> Called:
    def work(at: Asking, *values: Value) -> Value:
        items = array(values[0], "max") if len(values) == 1 else list(values)
        if not items:
            raise ValueProblem("max and min want at least one value")
        pick = max if largest else min
        return pick(items, key=lambda item: number(item, "max and min"))

    return Called(work, many=True)


def _range(at: Asking, start: Value, end: Value) -> Value:
    return BINARY[".."](start, end)


def _each_output(at: Asking, outputs: Found) -> Found:
    """The output that belongs to the value of this task run and those above, outermost first."""
    steps: list[str] = []
    parents: Any = at.names.root("parents")
    own: Any = at.names.root("taskrun")
    above = cast("list[Any]", parents) if isinstance(parents, list) else []
    task_run: Any
    for task_run in (*(parent.get("taskrun") for parent in reversed(above)), own):
        if isinstance(task_run, dict) and task_run.get("value") is not None:
            steps.append(text(task_run["value"]))
    found: Found = outputs
    for step in steps:
        if isinstance(found, Lazy):
            found = found.get(step)
        elif isinstance(found, dict):
            found = cast("dict[str, Value]", found).get(step)
        if found is None or isinstance(found, Undefined):
            return Undefined(f"currentEachOutput(...): no output for {step!r}")
    return found


def _render(at: Asking, template: Value) -> Value:
    return at.render(text(template))


def _secret(at: Asking, name: Value) -> Value:
    raise ValueProblem(SECRET_MISPLACED)


FUNCTIONS: Final[dict[str, Called]] = {
    "currentEachOutput": Called(_each_output, ("outputs",), 1),
    "fromJson": Called(_from_json, ("json_text",), 1),
    "json": Called(_from_json, ("json_text",), 1),
    "max": _most(largest=True),
    "min": _most(largest=False),
    "now": Called(_now, ("format", "timeZone")),
    "randomInt": Called(_random_int, ("lower", "upper"), 2),
    "range": Called(_range, ("start", "end"), 2),
    "render": Called(_render, ("template",), 1),
    "secret": Called(_secret, ("name",), 1),
    "uuid": Called(_uuid),
}

INSTEAD_OF_FUNCTIONS: Final = {
    "errorLogs": "read the lines from the logs of the run, by their level",
    "kv": "give the value as an input",
}
"""What to do without functions that others have."""

LAZY: Final = frozenset({"currentEachOutput"})
"""Functions that want what they are given unread."""
