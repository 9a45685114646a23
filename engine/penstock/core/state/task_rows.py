"""Rows that lie beside a TaskRun: what its attempts say while they run, and its checkpoints.

They are apart from the TaskRun's own row, which carries the inputs: a heartbeat must not write
those again and again. Most tasks have none of these rows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.values.value import Value


class Pulse(Row):
    """The signs of life of an attempt that has beaten or put a checkpoint.

    `heard_ms` and `checkpoint_ms` are times of the AWAKE clock, by which it times out; `at_ms` is
    the time to be shown. Log text is counted here, so that a piece more needs no piece before it.
    `piece` is the number of the last one that its worker has numbered.
    """

    KIND, SCOPE, KEY = b"p", Scope.RUN, ("tenant", "wf_run_id", "guid", "attempt")

    tenant: str
    wf_run_id: str
    guid: str
    attempt: int
    heard_ms: int = 0
    checkpoint_ms: int = 0
    at_ms: int = 0
    progress: Value = None
    log_pieces: int = 0
    log_chars: int = 0
    log_chars_dropped: int = 0
    piece: int = 0


class AttemptLog(Row):
    """A piece of an attempt's log, in the order in which pieces came, and when it came."""

    KIND, SCOPE, KEY = b"l", Scope.RUN, ("tenant", "wf_run_id", "guid", "attempt", "piece")

    tenant: str
    wf_run_id: str
    guid: str
    attempt: int
    piece: int
    text: str
    chars_dropped: int = 0
    at_ms: int = 0


class MetricKind(StrEnum):
    """A counter counts; a timer adds up milliseconds."""

    COUNTER = "counter"
    TIMER = "timer"


class Metric(Struct, frozen=True):
    """What a worker measured. Name, kind and tags name a series; the same series again adds up."""

    name: str
    kind: MetricKind
    value: float
    tags: dict[str, str] = {}


class Repeated(Struct, frozen=True):
    """How much of a report's words its worker has said before, in a heartbeat of which it does not
    know whether it was heard: so many characters of its logs, and so many of its metrics.
    """

    piece: int
    chars: int
    metrics: int


class Series(Struct, array_like=True, frozen=True, gc=False):
    """A series of an attempt: the sum of what was reported, and how often."""

    name: str
    kind: MetricKind
    tags: dict[str, str]
    value: float
    count: int


class AttemptMetrics(Row):
    """The metrics of an attempt."""

    KIND, SCOPE, KEY = b"m", Scope.RUN, ("tenant", "wf_run_id", "guid", "attempt")

    tenant: str
    wf_run_id: str
    guid: str
    attempt: int
    series: tuple[Series, ...] = ()
    dropped: int = 0


class Checkpoint(Row):
    """A value that a task has put aside, for its later attempts to go on from."""

    KIND, SCOPE, KEY = b"c", Scope.RUN, ("tenant", "wf_run_id", "guid", "number")

    tenant: str
    wf_run_id: str
    guid: str
    number: int
    value: Value
    logs: str
    attempt: int
    at_ms: int


class CheckpointTotal(Row):
    """How many checkpoints a task run has, and their bytes."""

    KIND, SCOPE, KEY = b"C", Scope.RUN, ("tenant", "wf_run_id", "guid")

    tenant: str
    wf_run_id: str
    guid: str
    count: int = 0
    bytes: int = 0


ROWS_OF_TASKS: Final[tuple[type[Row], ...]] = (
    Pulse,
    AttemptLog,
    AttemptMetrics,
    Checkpoint,
    CheckpointTotal,
)
