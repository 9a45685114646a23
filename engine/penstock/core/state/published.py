"""Outputs that a whole run can see: a node that publishes its output writes it here, too."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from penstock.core.ids import derive_guid
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.values.value import Value

VALUE_CHARS_MAX: Final = 256


class PublishedOutput(Row):
    """The newest output of a node, under the values for which the threads run in which it stands,
    outermost first; a part of an output lies below it. It was written first at the run's step
    `since`, and last at `step` (0: before the run, which is a replay), in `thread`. Its `path` is
    made of `values`, so that all that lies below some of them lies together.
    """

    KIND, SCOPE, KEY = b"O", Scope.RUN, ("tenant", "wf_run_id", "node", "path")
    SCANNED = True

    tenant: str
    wf_run_id: str
    node: str
    path: str
    values: tuple[str, ...]
    value: Value
    since: int = 0
    step: int = 0
    masked: bool = False
    thread: int | None = None


class PastPublished(Struct, array_like=True, frozen=True, gc=False):
    """What a node had published."""

    node: str
    path: str
    values: tuple[str, ...]
    value: Value
    masked: bool = False


def path_of(values: tuple[str, ...]) -> str:
    """The path of these values: for each as many characters, whatever it is."""
    return "".join(derive_guid("value", value) for value in values)


def shown_values(values: tuple[str, ...]) -> tuple[str, ...]:
    """The values as a row keeps them: of a long one the beginning, and what tells it apart."""
    return tuple(
        value if len(value) <= VALUE_CHARS_MAX else f"{value[:VALUE_CHARS_MAX]}~{path_of((value,))}"
        for value in values
    )


def key_below(tenant: str, wf_run_id: str, node: str, values: tuple[str, ...]) -> bytes:
    """What the keys of all outputs of a node begin with that lie at these values, or below."""
    return PublishedOutput.key(tenant, wf_run_id, node, path_of(values))[:-1]
