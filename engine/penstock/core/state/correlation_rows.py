"""Rows of correlated events: events that are put under a key, for whichever runs wait for the key.

On the partition of the key lie the events (CorrelatedEvent) and who waits for them (EventMarker).
On the partition of a run lies what the run itself says of this (RunMarker): it is there exactly as
long as the run wants the event, so it decides whether an offer is accepted.
"""

from __future__ import annotations

from msgspec import Struct

from penstock.core.state.first_answer import FirstAnswer
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.values.value import Value

Place = tuple[int, str, int, int]
"""Where a marker stands in the queue of its key: since when it waits, run, thread, position."""


class RunMarker(Row):
    """A node run that waits for an event with a key; or, if `stays`, a thread that such events
    interrupt (then `position` is that of its ENTRYPOINT).
    """

    KIND, SCOPE, KEY = (
        b"d",
        Scope.RUN,
        ("tenant", "wf_run_id", "thread", "position", "event_def"),
    )
    SCANNED = True

    tenant: str
    wf_run_id: str
    thread: int
    position: int
    event_def: str
    event_key: str
    since_ms: int
    stays: bool = False
    masked: bool = False


class MarkerNews(Struct, frozen=True):
    """What the partition of a marker's key is to be told: whether the run still waits, and what it
    says to the offer of an event (`answers` is the event's serial).
    """

    marker: RunMarker
    waits: bool
    answers: int | None = None
    accepted: bool = False


class EventMarker(Row):
    """A RunMarker as the partition of the key knows it; who has waited longest is first.

    `offered` is the serial of the event that it has been offered and has not answered yet; events
    up to `after` are not for it.
    """

    KIND, SCOPE, KEY = (
        b"M",
        Scope.PARTITION,
        ("tenant", "event_def", "event_key", "since_ms", "wf_run_id", "thread", "position"),
    )
    SCANNED = True

    tenant: str
    event_def: str
    event_key: str
    since_ms: int
    wf_run_id: str
    thread: int
    position: int
    masked: bool = False
    offered: int | None = None
    after: int = -1

    @property
    def place(self) -> Place:
        """Where it stands among those of its key."""
        return self.since_ms, self.wf_run_id, self.thread, self.position


class CorrelatedEvent(Row):
    """An event under a key. `serial` tells it from others that had the key before.

    One that is `once` goes when a run has accepted it; `offered` says that a run has been asked and
    has not answered. Any other is offered to all. `reached` is how far looking for those who wait
    has come, while it takes several turns. `unanswered` is how many have been asked and have not
    answered, if it is not kept: it goes when there are none; None if it is kept.
    """

    KIND, SCOPE, KEY = b"E", Scope.PARTITION, ("tenant", "event_def", "event_key")
    SCANNED = True

    tenant: str
    event_def: str
    event_key: str
    guid: str
    content: Value
    serial: int
    once: bool
    put_ms: int
    expires_ms: int | None = None
    offered: bool = False
    reached: Place | None = None
    first: FirstAnswer | None = None
    unanswered: int | None = None
