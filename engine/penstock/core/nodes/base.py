"""What every node type is made of: its configuration in the spec, its hooks, and what a hook may
answer.

A hook gets an `At` (where a thread stands), changes rows through `at.turn` and answers with an
outcome; only `advance.py` moves threads. A node type is one file with its configuration and its
hooks, and one line in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.core.expressions import Expression
from penstock.core.operations import Operation
from penstock.core.run import Failure, TaskRun
from penstock.core.values import Value

if TYPE_CHECKING:
    from penstock.core.at import At
    from penstock.core.node_check import NodeCheck


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


class NodeConfig(
    Struct,
    kw_only=True,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="type",
):
    """What the spec says of a node; each type adds its own fields."""

    edges: tuple[Edge, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """The node waits for something that has a name: a task, a timer, an event."""


@dataclass(frozen=True, slots=True)
class Done:
    """The node is complete; the thread goes on along an edge."""

    output: Value = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The node has failed."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Ended:
    """The thread is complete."""

    output: Value = None


WAIT = Wait()
Outcome = Wait | Done | Failed | Ended


@dataclass(frozen=True, slots=True)
class TaskMoved:
    """The node's task run has another status."""

    task: TaskRun


@dataclass(frozen=True, slots=True)
class EventCame:
    """An external event that the node waits for was put."""


@dataclass(frozen=True, slots=True)
class TimerDue:
    """The timer that the node set is due."""


NodeEvent = TaskMoved | EventCame | TimerDue


def _never(at: At, event: NodeEvent) -> Outcome:
    raise AssertionError(f"{at.node_run.node_type} waits for nothing, yet {event} came")


def _at_once(at: At) -> bool:
    return True


def _keeps_waiting(at: At) -> Outcome:
    return WAIT


def _nothing_to_check(check: NodeCheck) -> None:
    return None


def _no_expressions(config: NodeConfig) -> Iterator[Expression]:
    return iter(())


@dataclass(frozen=True, slots=True)
class NodeType:
    """A node type: its name on the wire, its configuration and its hooks.

    arrive       the thread has come to the node.
    resume       what the node waited for has happened.
    halt         whether the thread can be halted here and now (nothing is in flight).
    unhalt       the thread runs again after a halt.
    check        what can be seen to be wrong when the spec is registered.
    expressions  all that the node evaluates, for the checks that every expression gets.
    """

    name: str
    config: type[NodeConfig]
    arrive: Callable[[At], Outcome]
    resume: Callable[[At, NodeEvent], Outcome] = field(default=_never)
    halt: Callable[[At], bool] = field(default=_at_once)
    unhalt: Callable[[At], Outcome] = field(default=_keeps_waiting)
    check: Callable[[NodeCheck], None] = field(default=_nothing_to_check)
    expressions: Callable[[NodeConfig], Iterator[Expression]] = field(default=_no_expressions)
    begins: bool = False  # a thread begins here
    ends: bool = False  # a thread ends here
    waits: bool = False  # something from outside must happen before the thread goes on
    mirrors_task: bool = False  # the node run's status is its TaskRun's
