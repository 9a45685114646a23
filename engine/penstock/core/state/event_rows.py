"""Rows of events: what was put to a run, what nobody has taken yet, who waits, and what a run has
thrown.
"""

from typing import Final

from penstock.core.state.first_answer import FirstAnswer
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.values.value import Value

ANYBODY: Final = ""


class ExternalEvent(Row):
    """An event put to a run from outside; `claimed_by` is the (thread, position) of the node run
    that took it, and `claimed_ms` when. One that is `correlated` lay under a key, and the run has
    accepted it.
    """

    KIND, SCOPE, KEY = b"e", Scope.RUN, ("tenant", "wf_run_id", "event_def", "guid")

    tenant: str
    wf_run_id: str
    event_def: str
    guid: str
    content: Value
    put_ms: int
    thread: int | None = None
    node: str | None = None
    claimed_by: tuple[int, int] | None = None
    claimed_ms: int | None = None
    correlated: bool = False
    first: FirstAnswer | None = None

    def claim(self, thread: int, position: int, at_ms: int) -> None:
        """A node run, or a thread that it interrupts there, takes the event."""
        self.claimed_by, self.claimed_ms = (thread, position), at_ms

    def is_for(self, thread: int, *names: str) -> bool:
        """Whether a node run may take it: an event may name a thread, and a node of it by one of
        its names.
        """
        return self.thread in (None, thread) and (self.node is None or self.node in names)

    @property
    def wanted(self) -> str:
        """The queue of those who may take it, as `queues_of` names it."""
        return _queue(self.thread, self.node)


def queues_of(thread: int, *names: str) -> tuple[str, ...]:
    """The queues from which a node run may take events: of those for anybody, for its thread, and
    for the node alone, by each name that it has had. So nobody has to look through events for
    others.
    """
    return (ANYBODY, _queue(thread, None), *(_queue(thread, name) for name in names))


def _queue(thread: int | None, node: str | None) -> str:
    if thread is None:
        return ANYBODY
    return str(thread) if node is None else f"{thread}/{node}"


class UnclaimedEvent(Row):
    """The queues of events that nobody has taken yet, oldest first; `wanted` is who may take it.
    It goes at `expires_ms` of the DURATION clock, if that is set; one that is kept `for_the_run`
    alone stays if the run has come by then.
    """

    KIND, SCOPE, KEY = (
        b"q",
        Scope.RUN,
        ("tenant", "wf_run_id", "event_def", "wanted", "offset", "guid"),
    )
    SCANNED = True

    tenant: str
    wf_run_id: str
    event_def: str
    wanted: str
    offset: int
    guid: str
    expires_ms: int | None = None
    for_the_run: bool = False


class PlacingEvent(Row):
    """An event that is being placed, a chunk a turn, or waits until those before it are. It
    `interrupts` threads from `first` up to, and without, `threads`: those that had begun when it
    came. If it has interrupted none, it is offered to the node runs that wait, which has come to
    the key `offered`.
    """

    KIND, SCOPE, KEY = b"Q", Scope.RUN, ("tenant", "wf_run_id", "event_def", "offset", "guid")
    SCANNED = True

    tenant: str
    wf_run_id: str
    event_def: str
    offset: int
    guid: str
    threads: int
    interrupts: bool = True
    first: int = 0
    offered: bytes = b""


class WorkflowEvent(Row):
    """An event that the run itself has thrown; `number` counts those of the run, `def_number` those
    of its kind in the run, both from 0.
    """

    KIND, SCOPE, KEY = b"W", Scope.RUN, ("tenant", "wf_run_id", "number")

    tenant: str
    wf_run_id: str
    number: int
    workflow_event_def: str
    content: Value
    thread: int
    position: int
    at_ms: int
    masked: bool = False
    def_number: int = 0


class WorkflowEventCount(Row):
    """How many events of a kind the run has thrown."""

    KIND, SCOPE, KEY = b"N", Scope.RUN, ("tenant", "wf_run_id", "workflow_event_def")

    tenant: str
    wf_run_id: str
    workflow_event_def: str
    count: int = 0


class EventWaiter(Row):
    """A node run that waits for an event; of several the first to come is served first."""

    KIND, SCOPE, KEY = b"x", Scope.RUN, ("tenant", "wf_run_id", "event_def", "step", "thread")
    SCANNED = True

    tenant: str
    wf_run_id: str
    event_def: str
    step: int
    thread: int
