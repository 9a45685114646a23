"""Rows by which threads of a run find each other: who is whose child, who waits for whom, who is
interrupted by what, and who wants to know of changed variables.
"""

from __future__ import annotations

from enum import StrEnum

from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.values.value import Value


class LiveChild(Row):
    """A thread that has not ended, under the thread that holds it: the way down, for halting."""

    KIND, SCOPE, KEY = b"L", Scope.RUN, ("tenant", "wf_run_id", "holder", "child")
    SCANNED = True

    tenant: str
    wf_run_id: str
    holder: int
    child: int


class AwaitedStatus(StrEnum):
    """What has become of a thread that is waited for."""

    THREAD_IN_PROGRESS = "THREAD_IN_PROGRESS"
    HANDLING_FAILURE = "HANDLING_FAILURE"
    COMPLETED_OR_FAILURE_HANDLED = "COMPLETED_OR_FAILURE_HANDLED"
    UNSUCCESSFUL = "UNSUCCESSFUL"
    STOPPED = "STOPPED"


class Awaited(Row):
    """A thread that a WAIT_FOR_THREADS or RUN_THREADS node run waits for; if it has not ended well,
    which end of the run that was; of the latter, for which element it runs.
    """

    KIND, SCOPE, KEY = b"y", Scope.RUN, ("tenant", "wf_run_id", "waiter", "position", "child")
    SCANNED = True

    tenant: str
    wf_run_id: str
    waiter: int
    position: int
    child: int
    status: AwaitedStatus
    handler: int | None = None
    end_number: int = 0
    element: int = 0


class ThreadWaiter(Row):
    """A node run that waits for `thread`, or has; a thread waits for another at one position."""

    KIND, SCOPE, KEY = b"h", Scope.RUN, ("tenant", "wf_run_id", "thread", "waiter")
    SCANNED = True

    tenant: str
    wf_run_id: str
    thread: int
    waiter: int
    position: int


class RunWaiter(Row):
    """A thread of the run `waiter` that waits for this run to end."""

    KIND, SCOPE, KEY = b"r", Scope.RUN, ("tenant", "wf_run_id", "waiter", "thread")
    SCANNED = True

    tenant: str
    wf_run_id: str
    waiter: str
    thread: int


class AwaitedEnd(Row):
    """A thread that a node run waits for has ended, and the node run has not looked at it yet. They
    lie in the order of the ends.
    """

    KIND, SCOPE, KEY = b"z", Scope.RUN, ("tenant", "wf_run_id", "waiter", "position", "end_number")
    SCANNED = True

    tenant: str
    wf_run_id: str
    waiter: int
    position: int
    child: int
    end_number: int = 0


class Interrupter(Row):
    """A live thread that events of a kind interrupt."""

    KIND, SCOPE, KEY = b"i", Scope.RUN, ("tenant", "wf_run_id", "event_def", "thread")
    SCANNED = True

    tenant: str
    wf_run_id: str
    event_def: str
    thread: int


class PendingInterrupt(Row):
    """An interrupt of a thread that has come and has not been handled, oldest first."""

    KIND, SCOPE, KEY = b"j", Scope.RUN, ("tenant", "wf_run_id", "thread", "offset", "guid")
    SCANNED = True

    tenant: str
    wf_run_id: str
    thread: int
    offset: int
    event_def: str
    guid: str


class Watcher(Row):
    """A thread of `watcher` (this run, or one that inherits its variables) to wake when a variable
    of this run changes.
    """

    KIND, SCOPE, KEY = b"u", Scope.RUN, ("tenant", "wf_run_id", "watcher", "thread")
    SCANNED = True

    tenant: str
    wf_run_id: str
    watcher: str
    thread: int


class RoundUnderWay(Row):
    """A list of the run is gone through, so many rows a turn: rows up to the key `behind` are done.
    Then it is gone through `again`. The list is named by the timer that goes on with it.
    """

    KIND, SCOPE, KEY = b"g", Scope.RUN, ("tenant", "wf_run_id", "round", "number")
    SCANNED = True

    tenant: str
    wf_run_id: str
    round: str
    number: int
    behind: bytes = b""
    again: bool = False


class LiveBelow(Row):
    """How many runs below this one, which is the root of its family, have not ended, and how many
    there have been.
    """

    KIND, SCOPE, KEY = b"F", Scope.RUN, ("tenant", "wf_run_id")

    tenant: str
    wf_run_id: str
    runs: int = 0
    started: int = 0


class FailedWait(Row):
    """A thread of the run `waiter` that waited for this run at a node, which has failed with it: if
    this run goes on after all, so does the thread.
    """

    KIND, SCOPE, KEY = b"Z", Scope.RUN, ("tenant", "wf_run_id", "waiter", "thread")
    SCANNED = True

    tenant: str
    wf_run_id: str
    waiter: str
    thread: int
    position: int


class ChildRun(Row):
    """A run that was started below another one: the way down, for whoever looks at a family."""

    KIND, SCOPE, KEY = b"f", Scope.RUN, ("tenant", "wf_run_id", "child")
    SCANNED = True

    tenant: str
    wf_run_id: str
    child: str


class EachPlan(Row):
    """What a RUN_THREADS node run was begun with: how many threads, and what each of them is given.
    `names` are the threads, if each is run once. A visit that begins a failed one anew goes on with
    its elements: they lie at the position of the first visit, `origin`. When all have ended well it
    is `over`, and kept for a replay. At position 0 lies what a replay goes on with.
    """

    KIND, SCOPE, KEY = b"B", Scope.RUN, ("tenant", "wf_run_id", "thread", "position")
    SCANNED = True

    tenant: str
    wf_run_id: str
    thread: int
    position: int
    origin: int
    count: int
    given: dict[str, Value]
    masked: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    over: bool = False


class EachChunk(Row):
    """Some of the values for which a RUN_THREADS node runs threads. It is written once."""

    KIND, SCOPE, KEY = b"J", Scope.RUN, ("tenant", "wf_run_id", "thread", "position", "number")
    SCANNED = True

    tenant: str
    wf_run_id: str
    thread: int
    position: int
    number: int
    values: list[Value]


class EachThread(Row):
    """The thread that was begun last for an element of a RUN_THREADS node."""

    KIND, SCOPE, KEY = b"K", Scope.RUN, ("tenant", "wf_run_id", "thread", "position", "element")
    SCANNED = True

    tenant: str
    wf_run_id: str
    thread: int
    position: int
    element: int
    child: int
