"""Starts: the end of a run starts runs of other specs, if they say so.

A spec that does is found by what it watches (StartWatch). What a run's end was like (RunEnd) is a
row only while there are starts still to do. A run keeps the end by which it was started
(StartedBy).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.values.value import Value


class EndState(StrEnum):
    """How a run has ended, in so many words that each end is one of them.

    >>> BulkFilter(wf_spec="greeting", ends=(EndState.WARNED,)).ends == ("WARNED",)
    True
    """

    COMPLETED = "COMPLETED"
    WARNED = "WARNED"  # completed, but not as it should
    ERROR = "ERROR"
    EXCEPTION = "EXCEPTION"
    KILLED = "KILLED"
    SUPERSEDED = "SUPERSEDED"  # another run takes its place
    LIMIT_CANCEL = "LIMIT_CANCEL"  # there was no place for it
    LIMIT_FAIL = "LIMIT_FAIL"


class StartedBy(Struct, array_like=True, frozen=True, gc=False):
    """The end that started a run: of which run, which of the starts of its spec it was, and how
    many such starts have led here, one after the other.
    """

    wf_run_id: str
    wf_spec: str
    version: int
    state: EndState
    start: str
    depth: int = 1


class RunEnd(Row):
    """An end of a run, whose `number` counts those that somebody watched. `depth` is how many
    starts have led to the run; `watched` are the keys under which specs may watch it, and `after`
    is the last one of the starts that were done: an index of these, and a spec.
    """

    KIND, SCOPE, KEY = b"S", Scope.RUN, ("tenant", "wf_run_id", "number")

    tenant: str
    wf_run_id: str
    number: int
    born_offset: int
    wf_spec: str
    version: int
    state: EndState
    ended_ms: int
    depth: int
    watched: tuple[str, ...]
    output: Value = None
    masked: bool = False
    failure: str | None = None
    message: str | None = None
    labels: dict[str, str] = {}
    namespace: str = ""
    after: tuple[int, str] = (0, "")


class StartWatch(Row):
    """The newest version of a spec has starts that watch this: it is looked up when a run ends."""

    KIND, SCOPE, KEY = b"S", Scope.DEFINITION, ("tenant", "watched", "wf_spec")
    SCANNED = True

    tenant: str
    watched: str
    wf_spec: str


class WatchCount(Row):
    """How many specs watch this: an end looks here first, since a list is dearer to look for."""

    KIND, SCOPE, KEY = b"n", Scope.DEFINITION, ("tenant", "watched")

    tenant: str
    watched: str
    count: int = 0
