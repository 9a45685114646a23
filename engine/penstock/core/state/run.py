"""Rows of runs: WfRun, ThreadRun, NodeRun, TaskRun, Variable, ExternalEvent and what waits for
them.

A run is many small rows, so that a command costs what it touches, not what the run has lived
through. A row that is finished is never written again. Times are LogAppendTime, in milliseconds.
"""

from enum import IntEnum, StrEnum
from typing import Final

from msgspec import Struct

from penstock.core.state.backoff import Backoff
from penstock.core.state.facts import Fact
from penstock.core.state.failures import Failure
from penstock.core.state.first_answer import FirstAnswer
from penstock.core.state.keys import Scope
from penstock.core.state.migration_rows import Former
from penstock.core.state.place_rows import Place, PlaceStatus
from penstock.core.state.replay_rows import Anew, ReplayOf
from penstock.core.state.rest_rows import Rest
from penstock.core.state.rows import Row
from penstock.core.state.start_rows import EndState, StartedBy
from penstock.core.state.transitions import THREAD_LIVE, NodeStatus, TaskStatus, ThreadStatus
from penstock.core.values.value import Value


class HaltReason(StrEnum):
    """Why a thread is halted; it runs again when no reason is left."""

    MANUAL_HALT = "MANUAL_HALT"
    PAUSED = "PAUSED"
    KILLED = "KILLED"
    PARENT_HALTED = "PARENT_HALTED"
    HALTED_BY_PARENT = "HALTED_BY_PARENT"  # for good
    PENDING_FAILURE = "PENDING_FAILURE"
    HANDLING_FAILURE = "HANDLING_FAILURE"
    PENDING_INTERRUPT = "PENDING_INTERRUPT"
    INTERRUPTED = "INTERRUPTED"


OWN_REASONS: Final = frozenset(
    {
        HaltReason.PENDING_FAILURE,
        HaltReason.HANDLING_FAILURE,
        HaltReason.PENDING_INTERRUPT,
        HaltReason.INTERRUPTED,
    }
)
"""A thread that is halted for these alone is at work: a handler of its own is running, or will."""


class ThreadKind(StrEnum):
    """What started a thread."""

    ENTRYPOINT = "ENTRYPOINT"
    CHILD = "CHILD"
    FAILURE_HANDLER = "FAILURE_HANDLER"
    INTERRUPT = "INTERRUPT"


class TimerKey(Struct, array_like=True, frozen=True, gc=False):
    """Where a timer's row lies, kept by the row that may want to delete it."""

    clock: int
    due_ms: int


class Counted(IntEnum):
    """As what a thread is counted by its holder."""

    NOT = 0
    MOVING = 1
    HALTED = 2


class SweepVerb(StrEnum):
    """What is done to all threads of a run."""

    KILL = "KILL"
    RESTART = "RESTART"
    REOPEN = "REOPEN"
    CHECK_MIGRATION = "CHECK_MIGRATION"
    MIGRATE = "MIGRATE"


class Sweep(Struct, array_like=True, frozen=True, gc=False):
    """A verb that goes over all threads of a run, so many a turn. Threads below `next` have been
    told. Of a kill: how many of these have not ended, and whether tasks are waited for no longer.
    """

    verb: SweepVerb
    next: int = 0
    waiting: int = 0
    forced: bool = False
    deadline: TimerKey | None = None
    message: str = ""


_WITHOUT_PLACE: Final = (PlaceStatus.ASKED, PlaceStatus.REFUSED, PlaceStatus.WITHDRAWN)


class WfRun(Row):
    """A run of a WfSpec. Its status is its entrypoint thread's. `steps` counts nodes that were
    reached, by all threads: it is the run's own order; `old_bytes` what OldVariable rows keep;
    `migrates_to` is the version to which its threads are brought just now; `ends` counts ends of
    threads. It is `warned` if its entrypoint thread is. `place` is that among the runs that may be
    at work at once. `request_hash` and `id_hash` are of the command that started it;
    `first_version` is the version in which it was started, if it has left that (0: it has not).
    With `anew` another run takes its place. `started_by` is the end of another run that started it;
    `told_ends` counts those of its own ends that another spec watches, `restarts` how often an
    operator has restarted it. It `counts_as` what an operator has said of its end. `charged_to` is
    the principal for whose quota of live runs it counts; empty: for none's.
    """

    KIND, SCOPE, KEY = b"w", Scope.RUN, ("tenant", "wf_run_id")

    tenant: str
    wf_run_id: str
    wf_spec: str
    version: int
    born_offset: int
    request_hash: bytes
    status: ThreadStatus
    started_ms: int
    ended_ms: int | None = None
    threads: int = 0
    steps: int = 0
    watchers: int = 0
    parent: str | None = None
    waiters: int = 0
    labels: dict[str, str] = {}
    history: tuple[Fact, ...] = ()
    workflow_events: int = 0
    spilled: int = 0
    sweep: Sweep | None = None
    retention: TimerKey | None = None
    migrates_to: int | None = None
    old_bytes: int = 0
    replay: ReplayOf | None = None
    warned: bool = False
    place: Place | None = None
    ends: int = 0
    id_hash: bytes = b""
    first_version: int = 0
    anew: Anew | None = None
    started_by: StartedBy | None = None
    told_ends: int = 0
    restarts: int = 0
    counts_as: EndState | None = None
    charged_to: str = ""

    @property
    def held(self) -> bool:
        """Whether it waits for a place: as many runs as may be are at work."""
        return self.place is not None and self.place.status is PlaceStatus.ASKED

    @property
    def lacks_place(self) -> bool:
        """Whether it may not go on from where it begins: it waits, was refused or was stopped."""
        return self.place is not None and self.place.status in _WITHOUT_PLACE


class ThreadRun(Row):
    """One sequential thread of a run: a status and a pointer to the node run it is at.

    `parent` is whose variables it sees; `holder` is who halts it and waits for it to settle: the
    parent, but for a handler of a failed child the thread that waits for that child. `handler` is
    the thread that handles a failure or an interrupt of this one now. `interrupts` counts those to
    come. Of its children, `live` have not ended, `moving` are neither ended nor halted, `failed`
    have failed and `warned` have ended with a warning, and nobody has taken notice. `counted` is
    what its holder knows of it, and `asked` what the threads below know. `version` is that of the
    WfSpec which it follows (0: its run's), and `formers` what it was before it was migrated.
    `began` and `ended` are steps of the run. One that is `gone` has ended, and this row, which says
    how, is all that is kept of it. `depth` counts the threads whose variables it sees besides its
    own. `interrupt_keys` are the keys of the events that interrupt it, as they were when it began.
    `lost`: it will not go on by itself (flow/waits.py). `unnoticed`: it is one of the failed, or
    warned, children of its parent. `warned`: something in it went on that was not as it should be
    (flow/warned.py). `started_at` is the position of the node run of its parent at which it was
    started. `end_number` says which of the run's ends its own was; being lost is one, until it
    goes on.
    """

    KIND, SCOPE, KEY = b"t", Scope.RUN, ("tenant", "wf_run_id", "number")

    tenant: str
    wf_run_id: str
    number: int
    kind: ThreadKind
    thread_spec: str
    status: ThreadStatus
    parent: int | None = None
    position: int = 0
    node: str = ""
    halt_reasons: tuple[HaltReason, ...] = ()
    output: Value = None
    failure: Failure | None = None
    history: tuple[Fact, ...] = ()
    holder: int | None = None
    handler: int | None = None
    interrupts: int = 0
    live_children: int = 0
    moving_children: int = 0
    failed_children: int = 0
    counted: Counted = Counted.NOT
    asked: tuple[bool, ...] = (False,) * 5
    waiters: int = 0
    spilled: int = 0
    version: int = 0
    formers: tuple[Former, ...] = ()
    began: int = 0
    ended: int = 0
    gone: bool = False
    retention: TimerKey | None = None
    depth: int = 0
    interrupt_keys: dict[str, str] = {}
    lost: bool = False
    unnoticed: bool = False
    masked: bool = False
    started_at: int | None = None
    warned: bool = False
    warned_children: int = 0
    end_number: int = 0

    @property
    def held_from_outside(self) -> bool:
        """Whether it is halted for more than a handler of its own."""
        return not OWN_REASONS.issuperset(self.halt_reasons)

    @property
    def is_abandoned(self) -> bool:
        """Whether it is halted for good: it will never end."""
        halted = self.status is ThreadStatus.HALTED
        return halted and HaltReason.HALTED_BY_PARENT in self.halt_reasons

    @property
    def moving(self) -> bool:
        """Whether something of it, or below it, still runs."""
        if self.status is ThreadStatus.HALTED:
            return self.moving_children > 0
        return self.status in THREAD_LIVE


class NodeRun(Row):
    """One visit of a thread to a node. A TASK node run carries the id of its TaskRun in `task`;
    `progress` is what a node type keeps while it waits; `handled` says that a handler, or an
    operator, has dealt with the failure, or that it is allowed. One that is `skipped` was passed
    by, since its condition did not hold or an operator wanted it; one that is `warned` ended well,
    or was let pass, but not as it should. `retries` is the position of the failed visit that this
    one begins anew; `formerly` are names of the node in versions from which it was migrated; `step`
    is the run's step at which the node was reached; `leads_to` the node at which a replay begins,
    whatever the edges say; `rests` as what its waiting is counted (RunRests).
    """

    KIND, SCOPE, KEY = b"n", Scope.RUN, ("tenant", "wf_run_id", "thread", "position")

    tenant: str
    wf_run_id: str
    thread: int
    position: int
    node: str
    node_type: str
    status: NodeStatus
    task: str | None = None
    output: Value = None
    failure: Failure | None = None
    timer: TimerKey | None = None
    history: tuple[Fact, ...] = ()
    progress: Value = None
    handled: bool = False
    spilled: int = 0
    skipped: bool = False
    retries: int | None = None
    formerly: tuple[str, ...] = ()
    step: int = 0
    leads_to: str | None = None
    masked: bool = False
    warned: bool = False
    rests: Rest | None = None


class NodeOutput(Row):
    """The newest output of a node that other nodes refer to, and of which of its visits."""

    KIND, SCOPE, KEY = b"o", Scope.RUN, ("tenant", "wf_run_id", "thread", "node")

    tenant: str
    wf_run_id: str
    thread: int
    node: str
    value: Value
    position: int = 0
    masked: bool = False


class Variable(Row):
    """A variable of a thread; of one of the entrypoint, the step of the run from which on it has
    this value. It is `masked` if it was made of something masked, however the variable is declared.
    """

    KIND, SCOPE, KEY = b"v", Scope.RUN, ("tenant", "wf_run_id", "thread", "name")

    tenant: str
    wf_run_id: str
    thread: int
    name: str
    value: Value
    since: int = 0
    masked: bool = False


class TaskAttempt(Struct, array_like=True, gc=False):
    """One attempt of a task run. `started_ms` is None while no worker has said that it runs it;
    `first` is what the worker was told who ended it, by a report or by handing it back.
    """

    number: int
    status: TaskStatus
    scheduled_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    worker: str = ""
    output: Value = None
    failure: Failure | None = None
    timer: TimerKey | None = None
    warning: bool = False
    reported: TaskStatus | None = None  # what the worker said, where it came to another status
    sent_offset: int = 0  # of the record whose turn sent it last
    worker_version: str = ""
    first: FirstAnswer | None = None


class Stop(StrEnum):
    """What is asked of a running task. CANCEL: its run is being killed; SHUTDOWN and RESTART: an
    operator wants it ended, or begun anew.
    """

    CANCEL = "cancel"
    SHUTDOWN = "shutdown"
    RESTART = "restart"


class StopRequest(Struct, array_like=True, frozen=True, gc=False):
    """A stop that was asked for: it is granted a time, then the attempt is ended without its
    worker's word. One without a timer is ended by who has asked: a kill, at its deadline.
    """

    kind: Stop
    asked_ms: int
    timer: TimerKey | None


class TaskRun(Row):
    """A piece of work for a task worker: its inputs, its status and its newest attempt. One that
    an action of a user task has made carries its guid in `user_task`, and is no node's.
    """

    KIND, SCOPE, KEY = b"k", Scope.RUN, ("tenant", "wf_run_id", "guid")

    tenant: str
    wf_run_id: str
    guid: str
    thread: int
    position: int
    task_def: str
    status: TaskStatus
    max_attempts: int
    timeout_ms: int
    backoff: Backoff | None
    inputs: dict[str, Value]
    attempt: TaskAttempt
    timer: TimerKey | None = None
    history: tuple[Fact, ...] = ()
    heartbeat_timeout_ms: int | None = None
    uncounted: int = 0  # attempts that do not count towards max_attempts
    stop: StopRequest | None = None
    user_task: str | None = None
    spilled: int = 0
    retry_within_ms: int | None = None
    warn_on_retry: bool = False
    secrets: dict[str, str] = {}  # inputs that the worker fills in, and the names of the secrets
    masked: tuple[str, ...] = ()  # inputs that were made of something masked
    guarded: bool = False  # by a breaker of its TaskDef
    retry_exceptions: bool = False
    output_required: bool = False
    address: str | None = None  # where its worker goes, if its TaskDef tells


class PastAttempt(Row):
    """An attempt of a task run that has been followed by another one."""

    KIND, SCOPE, KEY = b"a", Scope.RUN, ("tenant", "wf_run_id", "guid", "number")

    tenant: str
    wf_run_id: str
    guid: str
    number: int
    attempt: TaskAttempt
