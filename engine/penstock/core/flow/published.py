"""Published outputs: written where a node is done, and read by whatever thread of the run, by the
name of the node and the values of the threads in which it stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from penstock.core.definitions.graph import Publish
from penstock.core.flow.standing import iteration_at, values_of
from penstock.core.limits import (
    EXPRESSION_BYTES_PER_STEP,
    PUBLISHED_READ_MAX,
    PUBLISHED_STEPS,
    VALUE_BYTES_MAX,
)
from penstock.core.state.keys import after_prefix
from penstock.core.state.published import (
    PublishedOutput,
    key_below,
    path_of,
    shown_values,
)
from penstock.core.state.turn import Turn
from penstock.core.values.masking import may_have_masked
from penstock.core.values.templates.names import Found, Lazy, Undefined
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, value_bytes

if TYPE_CHECKING:
    from penstock.core.flow.at import At

StepsTo = Callable[[PublishedOutput], tuple[str, ...]]
"""The names that lead to an output."""

_OUTPUTS: Final = "outputs"


class Reading(Protocol):
    """Whoever reads them."""

    turn: Turn

    def note_masked(self, masked: bool) -> None:
        """Whether what is being read is masked."""
        ...


def publish(at: At) -> None:
    """Write the output of the current node, which is done, for the whole run to see."""
    _put(at, _shelf(at), at.node_run.output, at.node_run.masked or _has_masked_parts(at))


def publish_part(at: At, part: str, value: Value) -> None:
    """Write what the current node tells besides, as another part of what it publishes."""
    _put(at, _shelf_of_part(at, part), value)


def publishes_at(at: At) -> tuple[str, str]:
    """The name and the path under which the current node, which publishes, does so."""
    name, values, _ = _shelf(at)
    return name, path_of(values)


def tells_at(at: At, part: str) -> tuple[str, str]:
    """The same of what it tells besides."""
    name, values, _ = _shelf_of_part(at, part)
    return name, path_of(values)


Shelf = tuple[str, tuple[str, ...], bool]
"""Under which name, and below which values, some of them masked perhaps, something is published."""


def _put(at: At, shelf: Shelf, value: Value, masked: bool = False) -> None:
    name, values, below_masked = shelf
    key = (at.turn.tenant, at.run.wf_run_id, name, path_of(values))
    before = at.turn.rows.peek(PublishedOutput, *key)
    at.turn.rows.put(
        PublishedOutput(
            *key,
            shown_values(values),
            value,
            since=at.run.steps if before is None else before.since,
            step=at.run.steps,
            masked=masked or below_masked,
            thread=at.thread.number,
        )
    )


def _shelf(at: At) -> Shelf:
    asked = at.config.publish
    if not isinstance(asked, Publish):
        return _shelf_of_part(at, None)
    name, values, masked = _shelf_of_part(at, asked.part)
    number = iteration_at(at) if asked.numbered else None
    values += () if number is None else (str(number),)
    return name, values, masked


def _shelf_of_part(at: At, part: str | None) -> Shelf:
    found, asked = values_of(at), at.config.publish
    name = asked.name if isinstance(asked, Publish) else None
    values = tuple(value.text for value in found)
    values += () if part is None else (part,)
    return name or at.node_run.node, values, any(value.masked for value in found)


def outputs_of_run(at: Reading, wf_run_id: str, spend: Callable[[int], None]) -> Lazy:
    """All that a run has published, looked up node by node and value by value; whoever wants all of
    it gets no more than a value may hold.
    """
    return _Outputs(at, wf_run_id, spend).root()


class _Outputs:
    """What a template reads of them; what is read is paid for."""

    def __init__(self, at: Reading, wf_run_id: str, spend: Callable[[int], None]) -> None:
        self._at = at
        self._spend = spend
        self._of_run = (at.turn.tenant, wf_run_id)

    def root(self) -> Lazy:
        """By the names of nodes."""
        return Lazy(lambda node: self._found(node, ()), self._all)

    def _found(self, node: str, values: tuple[str, ...]) -> Found:
        """What is published there, or what lies below."""
        self._spend(PUBLISHED_STEPS)
        key = (*self._of_run, node, path_of(values))
        row = None if "\x00" in node else self._at.turn.rows.peek(PublishedOutput, *key)
        if row is not None:
            return self._read(row)
        if "\x00" in node or next(self._below(node, values), None) is None:
            return Undefined(".".join((_OUTPUTS, node, *values))[:200])
        return Lazy(
            lambda value: self._found(node, (*values, value)),
            lambda: self._merged(self._below(node, values), lambda row: row.values[len(values) :]),
        )

    def _below(self, node: str, values: tuple[str, ...]) -> Iterator[PublishedOutput]:
        start = key_below(*self._of_run, node, values)
        rows = self._at.turn.rows.range(PublishedOutput, start, after_prefix(start))
        return (row for _, row in rows)

    def _all(self) -> Value:
        rows = self._at.turn.rows.scan(PublishedOutput, *self._of_run)
        return self._merged(rows, lambda row: (row.node, *row.values))

    def _merged(
        self,
        rows: Iterator[PublishedOutput],
        steps_to: Callable[[PublishedOutput], tuple[str, ...]],
    ) -> Value:
        made: dict[str, Value] = {}
        size = 0
        for count, row in enumerate(rows, 1):
            self._spend(PUBLISHED_STEPS)
            value = self._read(row)
            size += value_bytes(value)
            if count > PUBLISHED_READ_MAX or size > VALUE_BYTES_MAX:
                raise ValueProblem(
                    f"outputs are too many to be read together: {PUBLISHED_READ_MAX}, or"
                    f" {VALUE_BYTES_MAX} bytes; name the one that is wanted"
                )
            put_below(made, steps_to(row), value)
        return made

    def _read(self, row: PublishedOutput) -> Value:
        self._at.note_masked(row.masked)
        self._spend(value_bytes(row.value) // EXPRESSION_BYTES_PER_STEP)
        return row.value


def put_below(table: dict[str, Value], steps: tuple[str, ...], value: Value) -> None:
    """Put a value into an object of objects; where two are objects, their members come together."""
    *way, last = steps
    for step in way:
        inner: Any = table.get(step)
        table[step] = inner = dict(cast("dict[str, Value]", inner)) if _is_object(inner) else {}
        table = cast("dict[str, Value]", inner)
    known: Any = table.get(last)
    table[last] = {**known, **value} if _is_object(known) and _is_object(value) else value


def _is_object(value: Value) -> bool:
    return isinstance(value, dict)


def _has_masked_parts(at: At) -> bool:
    declared = at.output_type(at.node_run.node)
    if declared is None or "STRUCT<" not in declared:
        return False
    return may_have_masked(declared, at.struct)
