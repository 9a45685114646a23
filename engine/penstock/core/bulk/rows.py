"""Rows of bulk jobs.

A job is decided on partition 0 and carried out by every partition on the runs that it has: BulkJob
and BulkState lie on partition 0, BulkPart and BulkCursor on each that has a part. What never
changes (what was asked for, which may be large) is kept apart from what a turn writes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from penstock.core.state.keys import Scope
from penstock.core.state.migration_rows import UndecidedMigration
from penstock.core.state.rows import Row
from penstock.core.state.run import TimerKey
from penstock.core.state.start_rows import EndState
from penstock.core.state.transitions import ThreadStatus
from penstock.core.values.value import Value


class BulkStatus(StrEnum):
    """Of a job. FAILED: a partition could not go over its runs; `reason` says why."""

    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


BULK_LIVE: Final = frozenset({BulkStatus.RUNNING, BulkStatus.CANCELLING})


class BulkFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs: those that meet every criterion that is given. Times are those of the run's
    start and end; an `after` is met by the moment itself, a `before` is not. `ends` are met by runs
    that have ended, and count as having ended so. Runs below others are left out unless they are
    named, or `children` are wanted, or nothing but child runs. A `variable` is `name:value`, or
    `name$.path:value`, as a search has it.
    """

    all: bool = False
    wf_run_ids: tuple[str, ...] = ()
    wf_spec: str | None = None
    version: int | None = None
    status: tuple[ThreadStatus, ...] = ()
    labels: dict[str, str] = {}
    started_after_ms: int | None = None
    started_before_ms: int | None = None
    ended_after_ms: int | None = None
    ended_before_ms: int | None = None
    children: bool = False
    ends: tuple[EndState, ...] = ()
    q: str | None = None
    namespace: str | None = None
    major: int | None = None
    revision: int | None = None
    trigger_wf_run_id: str | None = None
    child: bool | None = None
    variable: tuple[str, ...] = ()


class BulkRefusal(Struct, frozen=True):
    """A run that the verb was refused for, and why."""

    wf_run_id: str
    code: str
    message: str


class BulkCounts(Struct, array_like=True, frozen=True, gc=False):
    """How many runs were looked at, how many of these the filter names, and what came of it."""

    looked: int = 0
    matched: int = 0
    done: int = 0
    refused: dict[str, int] = {}

    def plus(self, other: BulkCounts) -> BulkCounts:
        """Both together."""
        codes = sorted(self.refused.keys() | other.refused.keys())
        refused = {code: self.refused.get(code, 0) + other.refused.get(code, 0) for code in codes}
        return BulkCounts(
            self.looked + other.looked,
            self.matched + other.matched,
            self.done + other.done,
            refused,
        )


class BulkJob(Row):
    """What was asked for, by whom and when."""

    KIND, SCOPE, KEY = b"J", Scope.PARTITION, ("tenant", "bulk_id")

    tenant: str
    bulk_id: str
    request_hash: bytes
    asked_ms: int
    principal: str
    filter: BulkFilter
    verb: str
    arguments: dict[str, Value]
    dry_run: bool


class BulkState(Row):
    """How far a job has come: `parts` partitions have not said that they are through. Only the
    first refusals are kept; all of them are counted.
    """

    KIND, SCOPE, KEY = b"j", Scope.PARTITION, ("tenant", "bulk_id")

    tenant: str
    bulk_id: str
    status: BulkStatus
    parts: int
    counts: BulkCounts = BulkCounts()
    refusals: tuple[BulkRefusal, ...] = ()
    ended_ms: int | None = None
    reason: str = ""
    cancelled_by: str | None = None
    cancelling_ms: int | None = None


class BulkLive(Row):
    """How many jobs of a tenant have not ended."""

    KIND, SCOPE, KEY = b"L", Scope.PARTITION, ("tenant",)

    tenant: str
    jobs: int


class BulkPart(Row):
    """What a partition has to do for a job: on runs that were born before `offset`, and not after
    the job was asked for.
    """

    KIND, SCOPE, KEY = b"B", Scope.PARTITION, ("tenant", "bulk_id")

    tenant: str
    bulk_id: str
    offset: int
    asked_ms: int
    principal: str
    filter: BulkFilter
    verb: str
    arguments: dict[str, Value]
    dry_run: bool


class BulkCursor(Row):
    """How far a partition has come: `after` is the last run that was looked at, and `run` the one
    that is at hand, with how far the verb has come in it, and whether it was done to anything yet.

    `serial` counts the timers, so that each has a name of its own (R6). `effort` is what this
    chunk has cost; counts and refusals are those that partition 0 has not been told. `undecided`
    runs have begun what they were asked for, and will say later whether it can be done.
    """

    KIND, SCOPE, KEY = b"b", Scope.PARTITION, ("tenant", "bulk_id")

    tenant: str
    bulk_id: str
    serial: int
    reported_ms: int
    after: str = ""
    run: str | None = None
    step: int = 0
    was_done: bool = False
    effort: int = 0
    counts: BulkCounts = BulkCounts()
    refusals: tuple[BulkRefusal, ...] = ()
    refusals_told: int = 0
    timer: TimerKey | None = None
    undecided: int = 0


ROWS_OF_BULK: Final[tuple[type[Row], ...]] = (
    *(BulkJob, BulkState, BulkLive, BulkPart, BulkCursor),
    UndecidedMigration,
)
