"""What a node's hook may answer: it waits, is done, has failed, or ends the thread."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.core.state.failures import Failure
from penstock.core.values.value import Value


@dataclass(frozen=True, slots=True)
class Wait:
    """The node waits for something that has a name: a task, a timer, an event."""


@dataclass(frozen=True, slots=True)
class Done:
    """The node is complete; the thread goes on along an edge."""

    output: Value = None
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The node has failed."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Ended:
    """The thread is complete."""

    output: Value = None
    masked: bool = False


WAIT = Wait()
Outcome = Wait | Done | Failed | Ended
