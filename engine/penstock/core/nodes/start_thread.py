"""START_THREAD: starts a child thread and goes on at once. Its output is the child's number."""

from collections.abc import Iterator
from typing import cast

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import StartThreadNode
from penstock.core.flow.at import At
from penstock.core.flow.node import NodeType
from penstock.core.flow.outcomes import Done, Failed, Outcome
from penstock.core.flow.room import no_room
from penstock.core.flow.threads import begin_child, checked_values, given_values
from penstock.core.state.run import ThreadKind
from penstock.core.values.expressions import Expression


def arrive(at: At) -> Outcome:
    """Start the thread."""
    config = cast(StartThreadNode, at.config)
    full = no_room(at.run, at.thread)
    if full is not None:
        return Failed(full)
    blueprint = at.spec.body.threads[config.thread]
    given, masked = given_values(at, blueprint, config.variables)
    values = checked_values(at.turn, blueprint, given)
    return Done(begin_child(at, ThreadKind.CHILD, config.thread, values, masked=masked).number)


def check(check: NodeCheck) -> None:
    """The thread exists and gets what it wants."""
    config = cast(StartThreadNode, check.config)
    check.starts_thread(config.thread, config.variables)


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The variables."""
    yield from cast(StartThreadNode, config).variables.values()


NODE = NodeType("START_THREAD", StartThreadNode, arrive, check=check, expressions=expressions)
