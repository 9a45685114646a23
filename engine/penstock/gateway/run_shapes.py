"""The forms of answers about runs and what they are made of, in the engine's own view. Tests hold
every answer against them.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from penstock.core.state.run import HaltReason, Stop, ThreadKind
from penstock.core.state.start_rows import EndState
from penstock.core.state.task_rows import MetricKind
from penstock.core.state.transitions import NodeStatus, TaskStatus, ThreadStatus
from penstock.gateway.says import Excerpt, Found, Token
from penstock.gateway.shapes import Time

Level = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]


class FailureShown(TypedDict):
    """Why something failed. `cause`, of a CHILD_FAILURE, is the name of the failure from which it
    has come.
    """

    name: str
    message: str
    content: Any
    cause: str | None


class FactShown(TypedDict):
    """When something got a status."""

    status: str
    at: Time


class ReplayShown(TypedDict):
    """Of which run another one is a replay, and from where."""

    replay_of: str
    original: str
    attempt: int
    thread: int
    position: int | None


class StartedByShown(TypedDict):
    """The end of another run by which one was started."""

    wf_run_id: str
    wf_spec: str
    version: int
    state: EndState
    start: str
    depth: int


class WfRunHead(TypedDict):
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
    replay: ReplayShown | None
    started_by: StartedByShown | None


class ThreadShown(TypedDict):
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


_AsOf = TypedDict("_AsOf", {"from": Literal["index", "log"]})


class AsOfShown(_AsOf):
    """The last record that counts; and how a past was found: from so many turns of the run, by
    their index or by the whole log, and `why` by that.
    """

    position: Token
    turns: int
    why: str | None


class WfRunShown(WfRunHead):
    """A WfRun with its threads; its output and failure are the entrypoint's. With `at`, how that is
    known.
    """

    output: Any
    failure: FailureShown | None
    threads: list[ThreadShown]
    as_of: NotRequired[AsOfShown]


class NodeRunShown(TypedDict):
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


class AttemptShown(TypedDict):
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


class TaskRunShown(TypedDict):
    """A TaskRun with all its attempts, oldest first."""

    id: str
    wf_run_id: str
    guid: str
    thread: int
    position: int
    task_def: str
    status: TaskStatus
    max_attempts: int
    timeout: str
    stop_requested: Stop | None
    inputs: dict[str, Any]
    attempts: list[AttemptShown]


class VariableShown(TypedDict):
    """A variable; a masked one is `*****`."""

    thread: int
    name: str
    value: Any


class NodeRunPlace(TypedDict):
    """A node run, by thread and position."""

    thread: int
    position: int


class ExternalEventShown(TypedDict):
    """An event that was put to a run, and which node run took it."""

    event_def: str
    guid: str
    content: Any
    put_at: Time
    claimed_by: NodeRunPlace | None
    claimed_at: Time | None
    correlated: bool


class CorrelatedEventShown(TypedDict):
    """An event under a key; `offered` while a run that is to have it has not answered."""

    event_def: str
    key: str
    guid: str
    content: Any
    delete_after_first: bool
    offered: bool
    put_at: Time


class WorkflowEventShown(TypedDict):
    """An event that a run has thrown."""

    number: int
    workflow_event_def: str
    def_number: int
    content: Any
    thread: int
    position: int
    thrown_at: Time


class LogShown(TypedDict):
    """A line of a log."""

    wf_run_id: str
    task_run: str
    node: str
    attempt: int
    at: Time
    level: Level
    message: str


class MetricShown(TypedDict):
    """What an attempt has measured; a timer's value is in milliseconds. `at` is when it began."""

    wf_run_id: str
    wf_spec: str
    task_run: str
    node: str
    task_def: str
    attempt: int
    at: Time
    name: str
    kind: MetricKind
    tags: dict[str, str]
    value: float
    count: int


class _StoryFact(TypedDict):
    at: Time
    what: Literal["COMMAND", "WF_RUN", "OPERATOR", "EXTERNAL_EVENT", "NODE_RUN", "TASK_ATTEMPT"]


class StoryFact(_StoryFact, total=False):
    """One fact of a run's history; which fields there are depends on `what` it is about."""

    status: str
    output: Any
    failure: FailureShown | None
    warned: bool
    skipped: bool
    warning: bool
    verb: str
    principal: str
    command: str
    command_id: str | None
    wf_run_id: str | None
    detail: Any
    bulk_id: str
    event_def: str
    guid: str
    thread: int
    position: int | Token | None
    node: str
    node_type: str
    task_def: str
    attempt: int
    worker: str


class Story(Excerpt[StoryFact]):
    """A run's history; told from the log, how that is known."""

    as_of: NotRequired[AsOfShown]


class TaskGiven(TypedDict):
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
    secrets: dict[str, str]


class TasksGiven(TypedDict):
    """Tasks, started for the worker that asked."""

    tasks: list[TaskGiven]


class StopAsked(TypedDict):
    """An attempt that is to end, and why."""

    wf_run_id: str
    guid: str
    attempt: int
    stop: Literal["cancel", "shutdown", "restart", "over"]


class DeliveryShown(TypedDict):
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


class DayCount(TypedDict):
    """How many task runs began on a day, by state."""

    day: str
    states: dict[str, int]


class TaskRunsFound(Found[TaskRunShown]):
    """Task runs of a window, newest first; and whether the window was all there is."""

    whole: bool


class DaysCounted(Found[DayCount]):
    """The days of a window; and whether the window was all there is."""

    whole: bool


class MetricsFound(Found[MetricShown]):
    """Metrics of a window, newest first; and whether the window was all there is."""

    whole: bool


Bucket = Literal["minute", "hour", "day", "all"]
SumShown = TypedDict(
    "SumShown",
    {
        "name": str,
        "kind": MetricKind,
        "from": Time | None,
        "count": int,
        "sum": float,
        "min": float,
        "max": float,
        "avg": float,
    },
)
"""What the metrics of one name came to in a bucket of time; `count` is how many these are."""


class SumsFound(Found[SumShown]):
    """The sums of a window; and whether the window was all there is."""

    whole: bool


class Tried(TypedDict):
    """What an expression comes to."""

    value: Any
    masked: bool
