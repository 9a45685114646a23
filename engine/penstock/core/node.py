"""What every node type is made of: its configuration in the spec, its hooks, and what a hook may
answer.

A hook gets an `At` (where a thread stands), changes rows through `at.turn` and answers with an
outcome; only `advance.py` moves threads. A node type is one file with its configuration and its
hooks, and one line in the table.

Hooks are level-triggered: `look` finds what has happened in rows, and may be asked for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from penstock.core.expressions import Expression
from penstock.core.failures import FailureHandler
from penstock.core.operations import Operation
from penstock.core.outcomes import Outcome
from penstock.core.types import TypeText

if TYPE_CHECKING:
    from penstock.core.at import At
    from penstock.core.node_check import NodeCheck
    from penstock.core.rows import Rows


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
    """What the spec says of a node; each type adds its own fields. `OUTPUT` is the type of the
    output, of a node type for which it is always the same.
    """

    OUTPUT: ClassVar[TypeText | None] = None

    edges: tuple[Edge, ...] = ()
    handlers: tuple[FailureHandler, ...] = ()


def _never(at: At) -> Outcome:
    raise AssertionError(f"{at.node_run.node_type} waits for nothing")


def _at_once(at: At) -> bool:
    return True


def _nothing_to_undo(at: At) -> None:
    return None


def _nothing_to_check(check: NodeCheck) -> None:
    return None


def _as_it_is(config: NodeConfig, rows: Rows, tenant: str) -> NodeConfig:
    return config


def _no_expressions(config: NodeConfig) -> Iterator[Expression]:
    return iter(())


@dataclass(frozen=True, slots=True)
class NodeType:
    """A node type: its name on the wire, its configuration and its hooks.

    arrive       the thread has come to the node.
    look         has what the node waits for come? Asked whenever the thread is visited.
    halt         whether the thread can be halted here and now (nothing is in flight).
    leave        the node waits no more, for whatever reason: undo what was set up to wait.
    check        what can be seen to be wrong when the spec is registered.
    pin          the configuration with the versions that it leaves open: the newest ones now.
    expressions  all that the node evaluates, for the checks that every expression gets.
    """

    name: str
    config: type[NodeConfig]
    arrive: Callable[[At], Outcome]
    look: Callable[[At], Outcome] = field(default=_never)
    halt: Callable[[At], bool] = field(default=_at_once)
    leave: Callable[[At], None] = field(default=_nothing_to_undo)
    check: Callable[[NodeCheck], None] = field(default=_nothing_to_check)
    pin: Callable[[NodeConfig, Rows, str], NodeConfig] = field(default=_as_it_is)
    expressions: Callable[[NodeConfig], Iterator[Expression]] = field(default=_no_expressions)
    begins: bool = False  # a thread begins here
    ends: bool = False  # a thread ends here
    waits: bool = False  # something from outside must happen before the thread goes on
    mirrors_task: bool = False  # the node run's status is its TaskRun's
