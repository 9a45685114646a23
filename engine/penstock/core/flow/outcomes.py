"""What a node's hook may answer: it waits, is done, has failed, or ends the thread."""

from __future__ import annotations

from msgspec import Struct

from penstock.core.state.failures import Failure
from penstock.core.values.value import Value


class Wait(Struct, frozen=True):
    """The node waits for something that has a name: a task, a timer, an event."""


class Done(Struct, frozen=True):
    """The node is complete; the thread goes on along an edge."""

    output: Value = None
    masked: bool = False


class Failed(Struct, frozen=True):
    """The node has failed."""

    failure: Failure


class Ended(Struct, frozen=True):
    """The thread is complete."""

    output: Value = None
    masked: bool = False


WAIT = Wait()
Outcome = Wait | Done | Failed | Ended
