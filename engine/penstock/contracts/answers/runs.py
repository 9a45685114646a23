"""The forms of answers about runs and what they are made of, in the engine's own view. Tests hold
every answer against them.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType, field

from penstock.contracts.answers.common import Answer, Excerpt, Found, Time, Token
from penstock.core.state.run import HaltReason, Stop, ThreadKind
from penstock.core.state.start_rows import EndState
from penstock.core.state.transitions import NodeStatus, TaskStatus, ThreadStatus
from penstock.core.views.waits_for import WaitsFor

Level = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]


class FailureShown(Answer, frozen=True):
    """Why something failed. `cause`, of a CHILD_FAILURE, is the name of the failure from which it
    has come.
    """

    name: str
    message: str
    content: Any
    cause: str | None = None


class FactShown(Answer, frozen=True):
    """When something got a status."""

    status: str
    at: Time


class ReplayShown(Answer, frozen=True):
    """Of which run another one is a replay, and from where."""

    replay_of: str
    original: str
    attempt: int
    thread: int
    position: int | None


class StartedByShown(Answer, frozen=True):
    """The end of another run by which one was started."""

    wf_run_id: str
    wf_spec: str
    version: int
    state: EndState
    start: str
    depth: int


class WfRunHead(Answer, frozen=True):
    """A WfRun as it stands in a list."""

    wf_run_id: str
    wf_spec: str
    version: int
    status: ThreadStatus
    started_at: Time
    ended_at: Time | None
    labels: dict[str, str]
    warned: bool
    held: bool
    refused_as: str | None
    counts_as: EndState | None
    parent: str | None
    replay: ReplayShown | None
    started_by: StartedByShown | None


class WfRunsFound(Found[WfRunHead], frozen=True, kw_only=True):
    """A page of runs; `whole`, of the newest ones, is whether the window was all there is."""

    whole: bool | UnsetType = UNSET


class ThreadShown(Answer, frozen=True):
    """A ThreadRun."""

    number: int
    kind: ThreadKind
    thread_spec: str
    status: ThreadStatus
    parent: int | None
    position: int
    node: str
    halt_reasons: list[HaltReason]
    gone: bool
    warned: bool
    output: Any
    failure: FailureShown | None


class AsOfShown(Answer, frozen=True):
    """The last record that counts; and how a past was found: from so many turns of the run, by
    their index or by the whole log, and `why` by that.
    """

    source: Literal["index", "log"] = field(name="from")
    position: Token
    turns: int
    why: str | None


class WfRunShown(WfRunHead, frozen=True):
    """A WfRun with its threads (of very many the first: then these are `threads_truncated`), which
    are left out if it is to be `brief`; its output and failure are the entrypoint's. With `at`, how
    that is known.
    """

    output: Any
    failure: FailureShown | None
    threads: list[ThreadShown] = []
    threads_truncated: bool = False
    as_of: AsOfShown | None = None


class WaitShown(Answer, frozen=True):
    """What a thread of a run waits for. `what` is the kind of thing and `name` which one it is: a
    TaskDef, a worker, an event, a user or group, a condition, threads, a run, a WfSpec with a
    limit, a failure. `until` is when it comes by itself, at the earliest.
    """

    thread: int
    thread_spec: str
    position: int
    node: str
    what: WaitsFor
    name: str | None
    text: str
    since: Time | None
    until: Time | None
    task_run: str | None
    user_task: str | None
    wf_run_id: str | None


class NodeRunShown(Answer, frozen=True):
    """A NodeRun."""

    thread: int
    position: int
    node: str
    node_type: str
    status: NodeStatus
    task: str | None
    user_task: str | None
    correlation_key: str | None
    output: Any
    failure: FailureShown | None
    skipped: bool
    warned: bool
    history: list[FactShown]


class NodeRunFound(NodeRunShown, frozen=True, kw_only=True):
    """A NodeRun, and of which run it is."""

    wf_run_id: str


class AttemptShown(Answer, frozen=True):
    """An attempt of a task."""

    number: int
    status: TaskStatus
    scheduled_at: Time
    started_at: Time | None
    ended_at: Time | None
    worker: str
    worker_version: str
    output: Any
    failure: FailureShown | None
    warning: bool
    logs: str


class TaskRunShown(Answer, frozen=True):
    """A TaskRun with its newest attempts, oldest first; `attempts_truncated` if there are more.
    `wf_spec` and its `namespace` are those of its run; `node` is that of the user task where an
    action of one has made it.
    """

    id: str
    wf_run_id: str
    guid: str
    thread: int
    position: int
    wf_spec: str
    namespace: str
    node: str
    task_def: str
    status: TaskStatus
    max_attempts: int
    timeout: str
    stop_requested: Stop | None
    inputs: dict[str, Any]
    attempts: list[AttemptShown]
    attempts_truncated: bool = False


class VariableShown(Answer, frozen=True):
    """A variable; a masked one is `*****`."""

    thread: int
    name: str
    value: Any


class CheckpointShown(Answer, frozen=True):
    """What an attempt has put aside for the attempts after it."""

    number: int
    value: Any
    logs: str
    attempt: int
    at: Time


class LogShown(Answer, frozen=True):
    """A line of a log."""

    wf_run_id: str
    task_run: str
    node: str
    attempt: int
    at: Time
    level: Level
    message: str


class StoryFact(Answer, frozen=True):
    """One fact of a run's history; which fields there are depends on `what` it is about."""

    at: Time
    what: Literal["COMMAND", "WF_RUN", "OPERATOR", "EXTERNAL_EVENT", "NODE_RUN", "TASK_ATTEMPT"]
    status: str | None = None
    output: Any = None
    failure: FailureShown | None = None
    warned: bool = False
    skipped: bool = False
    warning: bool = False
    verb: str | None = None
    principal: str | None = None
    command: str | None = None
    command_id: str | None = None
    wf_run_id: str | None = None
    detail: Any = None
    bulk_id: str | None = None
    event_def: str | None = None
    guid: str | None = None
    thread: int | None = None
    position: int | None = None
    log_position: Token | None = None
    node: str | None = None
    node_type: str | None = None
    task_def: str | None = None
    attempt: int | None = None
    worker: str | None = None


class Story(Excerpt[StoryFact], frozen=True):
    """A run's history; told from the log, how that is known."""

    as_of: AsOfShown | None = None


class RecordingShown(Answer, frozen=True):
    """What a fold of a run needs, to be folded again elsewhere: definitions, and turns with their
    clocks and commands. Stand-ins are in the place of what is masked (`masked` says where).
    `parts` says where its fold and the run's history part; null if they do not.
    """

    tenant: str
    wf_run_id: str
    partition: int
    partitions: int
    until_ms: int
    definitions: list[dict[str, Any]]
    turns: list[dict[str, Any]]
    history: list[StoryFact]
    masked: list[str]
    parts: str | None


class TaskGiven(Answer, frozen=True):
    """A task as a worker gets it."""

    wf_run_id: str
    guid: str
    task_def: str
    attempt: int
    inputs: dict[str, Any]
    wf_spec: str
    version: int
    node: str
    scheduled_at: Time
    timeout_ms: int
    max_attempts: int
    heartbeat_timeout_ms: int | None
    total_checkpoints: int
    checkpoint: Any
    checkpoints_bytes: int
    secrets: dict[str, str]


class TasksGiven(Answer, frozen=True):
    """Tasks, started for the worker that asked."""

    tasks: list[TaskGiven]


class StopAsked(Answer, frozen=True):
    """An attempt that is to end, and why."""

    wf_run_id: str
    guid: str
    attempt: int
    stop: Literal["cancel", "shutdown", "restart", "over"]


class DeliveryShown(Answer, frozen=True):
    """A webhook that a run has sent, or could not."""

    wf_run_id: str
    guid: str
    webhook_id: str
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    failure: FailureShown | None
    scheduled_at: Time
    ended_at: Time | None
    type: Any
    data: Any
    url: Any
    endpoint: Any
    timestamp: Any


class DayCount(Answer, frozen=True):
    """How many task runs began on a day, by state."""

    day: str
    states: dict[str, int]


class Tried(Answer, frozen=True):
    """What an expression comes to."""

    value: Any
    masked: bool
