"""Rows of a partition itself: its clock, its channels to and from other partitions, its remembered
answers.
"""

from typing import Final

from msgspec import Struct

from penstock.core.limits import FIRST_FOLD_VERSION
from penstock.core.state.correlation_rows import CorrelatedEvent, EventMarker
from penstock.core.state.first_answer import FirstAnswer
from penstock.core.state.keys import Scope
from penstock.core.state.outputs import Answer
from penstock.core.state.place_rows import ROWS_OF_LIMITS
from penstock.core.state.rows import Row

NEVER_MS: Final = 2**62


class Shard(Struct, frozen=True):
    """Which partition this is, of how many: fixed when the cluster is made, like the topic's id."""

    partition: int
    partitions: int


class PartitionState(Row):
    """The clock of a partition and what it waits for (R1, R9).

    `log_time_ms` adds up the differences of LogAppendTime, a negative one counting 0; `awake_ms`
    does so too, but passes at most a minute between two Ticks. `next_due_ms` is a lower bound of
    the due times, a clock each. `open_asks` counts the questions that the owner is to answer (R8),
    `watches` the StartWatch rows of all tenants.
    """

    KIND, SCOPE, KEY = b"P", Scope.PARTITION, ()

    append_ms: int = 0
    log_time_ms: int = 0
    awake_ms: int = 0
    awake_since_tick_ms: int = 0
    fold_version: int = FIRST_FOLD_VERSION
    next_due_ms: tuple[int, ...] = (NEVER_MS, NEVER_MS, NEVER_MS, NEVER_MS)
    oldest_answer_ms: int = NEVER_MS
    open_asks: int = 0
    deleting: int = 0  # how many runs are being deleted
    watches: int = 0


class OutChannel(Row):
    """The stamp of the last command sent to another partition."""

    KIND, SCOPE, KEY = b"O", Scope.PARTITION, ("target",)

    target: int
    last: str


class InChannel(Row):
    """The stamp of the last command taken from another partition."""

    KIND, SCOPE, KEY = b"I", Scope.PARTITION, ("source",)

    source: int
    last: str


class CommandAnswer(Row):
    """The answer to a command, kept for a window of log time (R12)."""

    KIND, SCOPE, KEY = b"A", Scope.PARTITION, ("tenant", "command_id")

    tenant: str
    command_id: str
    body_hash: bytes
    answer: Answer


class AnswerExpiry(Row):
    """When remembered answers may be forgotten, oldest first."""

    KIND, SCOPE, KEY = b"X", Scope.PARTITION, ("log_time_ms", "tenant", "command_id")
    SCANNED = True

    log_time_ms: int
    tenant: str
    command_id: str


class Deleting(Row):
    """A run that is being deleted, and how far that has come; until the last chunk its id is not
    used again (R10). After a defect, `row` is the key of the one that is deleted by itself, and so
    many were `passed` over.
    """

    KIND, SCOPE, KEY = b"D", Scope.PARTITION, ("tenant", "wf_run_id")

    tenant: str
    wf_run_id: str
    wf_spec: str
    principal: str
    after: bytes = b""
    row: bytes = b""
    passed: int = 0


class LiveRuns(Row):
    """How many runs are live on the partition: all of a tenant's (`principal` is empty then), and
    those that count for a principal, too. There is none for no run.
    """

    KIND, SCOPE, KEY = b"l", Scope.PARTITION, ("tenant", "principal")

    tenant: str
    principal: str
    runs: int = 0


class StartPace(Row):
    """When a tenant's next run, or the next one of a principal in it, may be started by a schedule
    or a bulk job here: at a millisecond, and so many parts of the next one, of which there are as
    many as the rate. It is there once there was a rate to hold.
    """

    KIND, SCOPE, KEY = b"p", Scope.PARTITION, ("tenant", "principal")

    tenant: str
    principal: str
    next_ms: int = 0
    next_parts: int = 0


class DeletedRun(Row):
    """What the start of a run is answered that has been deleted: kept, with a timer of its own, as
    long as answers are, so that a start that is sent again starts nothing.
    """

    KIND, SCOPE, KEY = b"d", Scope.PARTITION, ("tenant", "wf_run_id")

    tenant: str
    wf_run_id: str
    first: FirstAnswer


ROWS_OF_PARTITIONS: Final[tuple[type[Row], ...]] = (
    PartitionState,
    OutChannel,
    InChannel,
    CommandAnswer,
    AnswerExpiry,
    CorrelatedEvent,
    EventMarker,
    Deleting,
    *ROWS_OF_LIMITS,
    DeletedRun,
    LiveRuns,
    StartPace,
)
