"""What every node type is made of: its name, its configuration in the spec, and its hooks.

A hook gets an `At` (where a thread stands), changes rows through `at.turn` and answers with an
outcome; only `advance` moves threads. A node type is its configuration in `definitions/nodes.py`,
one file with its hooks, and one line in the table.

Hooks are level-triggered: `look` finds what has happened in rows, and may be asked for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.flow.at import At
from penstock.core.flow.outcomes import Outcome
from penstock.core.state.rows import Rows
from penstock.core.values.expressions import Expression


@dataclass(frozen=True, slots=True)
class GoesOn:
    """How a restart has a thread go on that has failed at a node: from which node (None: that one,
    anew), and which run below is restarted with it.
    """

    node: str | None = None
    wf_run_id: str | None = None


def _never(at: At) -> Outcome:
    raise AssertionError(f"{at.node_run.node_type} waits for nothing")


def _at_once(at: At) -> bool:
    return True


def _nothing_to_undo(at: At) -> None:
    return None


def _any_config(before: NodeConfig, after: NodeConfig) -> str | None:
    return None


def _nothing_to_carry(at: At, before: NodeConfig) -> None:
    return None


def _here(at: At) -> GoesOn:
    return GoesOn()


def _nothing_to_check(check: NodeCheck) -> None:
    return None


def _as_it_is(config: NodeConfig, rows: Rows, tenant: str) -> NodeConfig:
    return config


def _no_expressions(config: NodeConfig) -> Iterator[Expression]:
    return iter(())


def _no_exceptions(config: NodeConfig) -> AbstractSet[str] | None:
    return frozenset()


def _gives_always(config: NodeConfig) -> bool:
    return True


def gives_nothing(config: NodeConfig) -> bool:
    """The output is null."""
    return False


def any_exceptions(config: NodeConfig) -> AbstractSet[str] | None:
    """Users' exceptions of all names."""
    return None


@dataclass(frozen=True, slots=True)
class NodeType:
    """A node type: its name on the wire, its configuration and its hooks.

    arrive       the thread has come to the node.
    look         has what the node waits for come? Asked whenever the thread is visited.
    halt         whether the thread can be halted here and now (nothing is in flight).
    leave        the node waits no more, for whatever reason: undo what was set up to wait.
    restart      how a restart goes on from here, where the thread has failed.
    check        what can be seen to be wrong when the spec is registered.
    carries      why a visit that waits can not go on with another configuration, in words that
                 follow on the node's name; None if it can.
    carried      the visit has come to another configuration: set up what that wants besides.
    pin          the configuration with the versions that it leaves open: the newest ones now.
    expressions  all that the node evaluates, for the checks that every expression gets.
    exceptions   the names of users' exceptions that may come out of it; None if any may.
    gives        whether it has an output; else that is null.
    """

    name: str
    config: type[NodeConfig]
    arrive: Callable[[At], Outcome]
    look: Callable[[At], Outcome] = field(default=_never)
    halt: Callable[[At], bool] = field(default=_at_once)
    leave: Callable[[At], None] = field(default=_nothing_to_undo)
    restart: Callable[[At], GoesOn] = field(default=_here)
    check: Callable[[NodeCheck], None] = field(default=_nothing_to_check)
    carries: Callable[[NodeConfig, NodeConfig], str | None] = field(default=_any_config)
    carried: Callable[[At, NodeConfig], None] = field(default=_nothing_to_carry)
    pin: Callable[[NodeConfig, Rows, str], NodeConfig] = field(default=_as_it_is)
    expressions: Callable[[NodeConfig], Iterator[Expression]] = field(default=_no_expressions)
    exceptions: Callable[[NodeConfig], AbstractSet[str] | None] = field(default=_no_exceptions)
    gives: Callable[[NodeConfig], bool] = field(default=_gives_always)
    begins: bool = False  # a thread begins here
    ends: bool = False  # a thread ends here
    waits: bool = False  # something from outside must happen before the thread goes on
