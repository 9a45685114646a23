"""How much of a simulated world happens in one turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from penstock.core.flow import threads
from penstock.core.limits import CHILDREN_WOKEN_MAX, NODES_PER_TURN_MAX
from penstock.core.state import turn

BUDGETS = ((3, 1), (4, 2), (7, 1_000), (20, 2), *[(NODES_PER_TURN_MAX, CHILDREN_WOKEN_MAX)] * 4)


@contextmanager
def short_turns(nodes: int, children: int) -> Iterator[None]:
    """A turn visits so few nodes, and wakes so few children, that much goes on in later turns."""
    with (
        mock.patch.object(turn, "NODES_PER_TURN_MAX", nodes),
        mock.patch.object(threads, "CHILDREN_WOKEN_MAX", children),
    ):
        yield
