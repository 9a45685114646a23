"""The graph of a thread: nodes and the edges between them, with the mutations of an edge."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from penstock.core.limits import DURATION_MS_MAX, MAX_ATTEMPTS_MAX
from penstock.core.state.backoff import Backoff
from penstock.core.state.failures import FailureHandler
from penstock.core.values.expressions import Expression
from penstock.core.values.operations import Operation
from penstock.core.values.types import TypeText


class Mutation(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Gives a variable, or what a path leads to in it, a new value: what the operation makes of the
    old value and of `value`.
    """

    variable: str
    value: Expression
    operation: Operation = Operation.ASSIGN
    path: str | None = None


class Edge(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A way to another node. The first whose condition holds (or that has none) is taken; its
    mutations are done all or none."""

    to: str
    condition: Expression | None = None
    mutations: tuple[Mutation, ...] = ()


class Publish(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Under which name the whole run sees an output (the node's, if nothing is said), and as which
    part of what is there; if `numbered`, below that by the number that `taskrun.iteration` is, so
    that several threads, or rounds, do not write over each other.
    """

    name: str | None = None
    part: str | None = None
    numbered: bool = False


class BeginAnew(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """When the run is begun anew: how long that waits, how many runs there may be in all, and how
    long after the first one's start the last of them may begin.
    """

    max_attempts: Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS_MAX)]
    backoff: Backoff | None = None
    within_ms: Annotated[int, Meta(ge=1, le=DURATION_MS_MAX)] | None = None


class NodeConfig(
    Struct,
    kw_only=True,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="type",
):
    """What the spec says of a node; each type adds its own fields. `OUTPUT` is the type of the
    output, of a node type for which it is always the same; a node of a type that `MIRRORS_TASK` has
    its TaskRun's status. With `publish`, its output can be seen by the whole run.

    A node whose `run_if` is false is skipped: its output is null. With `allow_failure` a failure
    that no handler has dealt with is a warning, and the thread goes on. With `allow_warning` what
    would be a warning is none. With `begin_anew` a failure, before anything else is made of it,
    ends the run, and another one takes its place, as long as there may be one.
    """

    OUTPUT: ClassVar[TypeText | None] = None
    MIRRORS_TASK: ClassVar[bool] = False

    edges: tuple[Edge, ...] = ()
    handlers: tuple[FailureHandler, ...] = ()
    run_if: Expression | None = None
    allow_failure: bool = False
    allow_warning: bool = False
    publish: bool | Publish = False
    begin_anew: BeginAnew | None = None
