"""What has become of runs, tasks and user tasks, counted by WfSpec, TaskDef and UserTaskDef, in
windows of time.

A partition keeps a row for each name and window. The windows of a name are a ring: the one of now
takes the place of the oldest, so there are never more rows than the ring has places. Of a name
under which nothing happens any more, deleted or not, the last rows stay in the store; they are read
until they are too old. What happens costs one row written, however much of it there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from penstock.core.limits import WINDOW_MS, WINDOWS_KEPT
from penstock.core.state.keys import Scope
from penstock.core.state.partition_state import PartitionState
from penstock.core.state.rows import Row, Rows
from penstock.core.state.turn import Turn


class Measured(StrEnum):
    """Of what there are windows."""

    WF_SPEC = "WfSpec"
    TASK_DEF = "TaskDef"
    USER_TASK_DEF = "UserTaskDef"


class RunCount(StrEnum):
    """What is counted of the runs of a WfSpec: how many were STARTED, or RESTARTED after their end;
    and how they ended, with how long they took from their start.
    """

    STARTED = "started"
    RESTARTED = "restarted"
    COMPLETED = "completed"
    EXCEPTION = "exception"
    ERROR = "error"


class TaskCount(StrEnum):
    """What is counted of a TaskDef. Of attempts: how long they WAITED to be started, and how they
    ended, with how long they ran. Of tasks: how they ended for good, with how long they took from
    when they were handed out first.
    """

    WAITED = "attempt_waited"
    SUCCEEDED = "attempt_succeeded"
    THREW = "attempt_exception"
    FAILED = "attempt_error"
    STOPPED = "attempt_stopped"
    COMPLETED = "completed"
    EXCEPTION = "exception"
    ERROR = "error"


class UserTaskCount(StrEnum):
    """What is counted of a UserTaskDef: user tasks that were CREATED, and each time that one came
    to have a status, with how long that was after it was created.
    """

    CREATED = "created"
    UNASSIGNED = "unassigned"
    ASSIGNED = "assigned"
    DONE = "done"
    CANCELLED = "cancelled"


class Timing(Struct, array_like=True, frozen=True, gc=False):
    """How often, and how long it took."""

    count: int
    total_ms: int
    least_ms: int
    most_ms: int

    def and_also(self, other: Timing) -> Timing:
        """Both together."""
        return Timing(
            self.count + other.count,
            self.total_ms + other.total_ms,
            min(self.least_ms, other.least_ms),
            max(self.most_ms, other.most_ms),
        )


class CountWindow(Row):
    """What has happened in a window; `number` is how many of them have passed since 1970."""

    KIND, SCOPE, KEY = b"W", Scope.PARTITION, ("tenant", "of", "name", "place")

    tenant: str
    of: str
    name: str
    place: int
    number: int
    timings: dict[str, Timing] = {}


def count(turn: Turn, of: str, name: str, took_ms: Mapping[str, int]) -> None:
    """These things have happened now, and took so long. That is several times a run: so what is
    counted, and of what, comes as plain text, which is hashed in C.
    """
    number = turn.at_ms // WINDOW_MS
    place = number % WINDOWS_KEPT
    row = turn.rows.get(CountWindow, turn.tenant, of, name, place)
    if row is None or row.number != number:
        row = CountWindow(turn.tenant, of, name, place, number)
    timings = row.timings.copy()
    for what, ms in took_ms.items():
        known, once = timings.get(what), Timing(1, ms, ms, ms)
        timings[what] = once if known is None else known.and_also(once)
    row.timings = timings
    turn.rows.put(row)


def add(timings: dict[str, Timing], what: str, more: Timing) -> None:
    """Add to what is known of a thing."""
    known = timings.get(what)
    timings[what] = more if known is None else known.and_also(more)


def kept(rows: Rows, tenant: str, of: str, name: str) -> Iterator[CountWindow]:
    """The windows of a name, without those that would have had to make room by now."""
    state = rows.peek(PartitionState) or PartitionState()
    gone = state.append_ms // WINDOW_MS - WINDOWS_KEPT
    return (row for row in rows.scan(CountWindow, tenant, of, name) if row.number > gone)
