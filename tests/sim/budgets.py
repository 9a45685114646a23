"""How much of a simulated world happens in one turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from penstock.core.limits import NODES_PER_TURN_MAX
from penstock.core.state import turn

BUDGETS = ((3,), (4,), (7,), (20,), *[(NODES_PER_TURN_MAX,)] * 4)


@contextmanager
def short_turns(nodes: int) -> Iterator[None]:
    """A turn visits so few nodes that much goes on in later turns."""
    with mock.patch.object(turn, "NODES_PER_TURN_MAX", nodes):
        yield
