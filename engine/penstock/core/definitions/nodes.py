"""What a spec says of a node of each type. What the node does is in `core/nodes`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.user_task_config import UserTaskAction
from penstock.core.limits import (
    DURATION_MS_MAX,
    INT_MAX,
    MAX_ATTEMPTS_MAX,
    TASK_TIMEOUT_MS_DEFAULT,
    THREADS_PER_RUN_MAX,
)
from penstock.core.state.backoff import Backoff
from penstock.core.state.failures import FailureHandler
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueType


class EntrypointNode(NodeConfig, tag="ENTRYPOINT", frozen=True):
    """The first node of every thread. Its output is what it `gives`, worked out as the thread
    begins: so it can be published before anything else is done there.
    """

    gives: Expression | None = None


class Throw(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A failure to end with: a technical name gives ERROR, any other EXCEPTION."""

    name: str
    message: str = ""
    content: Expression | None = None


class ExitNode(NodeConfig, tag="EXIT", frozen=True):
    """The thread's last node; `returns` is the thread's output, `throws` its failure."""

    returns: Expression | None = None
    throws: Throw | None = None


class TaskNode(NodeConfig, tag="TASK", frozen=True):
    """Which TaskDef (by name, or by an expression whose value is the name), with which inputs, how
    often at most, and how long one attempt may run once it has started, or stay silent.

    `retries` says the same as `max_attempts`, without the first one; specs are kept with
    `max_attempts`, so that both ways of saying it are one spec. No retry begins later than
    `retry_within_ms` after the first attempt's start; with `warn_on_retry` a success that took more
    than one attempt is one with a warning. With `retry_exceptions` business exceptions are tried
    again, too. Where an `output_required`, an attempt that brings none, or none that fits, has
    failed as any other, and is tried again.
    """

    MIRRORS_TASK = True

    task_def: str | None = None
    dynamic_task: Expression | None = None
    inputs: dict[str, Expression] = {}
    max_attempts: Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS_MAX)] | None = None
    retries: Annotated[int, Meta(ge=0, le=MAX_ATTEMPTS_MAX - 1)] | None = None
    timeout_ms: Annotated[int, Meta(ge=1, le=DURATION_MS_MAX)] = TASK_TIMEOUT_MS_DEFAULT
    heartbeat_timeout_ms: Annotated[int, Meta(ge=1, le=DURATION_MS_MAX)] | None = None
    backoff: Backoff | None = None
    retry_within_ms: Annotated[int, Meta(ge=1, le=DURATION_MS_MAX)] | None = None
    warn_on_retry: bool = False
    retry_exceptions: bool = False
    output_required: bool = False

    def __post_init__(self) -> None:
        """Say it in one way; what disagrees is left for `check`."""
        if self.retries is not None and self.max_attempts in (None, self.retries + 1):
            force_setattr(self, "max_attempts", self.retries + 1)
            force_setattr(self, "retries", None)
        if self.retries is None and self.max_attempts == 1:
            force_setattr(self, "max_attempts", None)

    @property
    def attempts_max(self) -> int:
        """How many attempts there may be in all."""
        return 1 if self.max_attempts is None else self.max_attempts


class ExternalEventNode(NodeConfig, tag="EXTERNAL_EVENT", frozen=True):
    """Which event, and how long to wait for it (for ever, if nothing is said). A masked key is not
    shown to those who ask. If it is `resumable`, an operator's resume of the run is such an event,
    too.
    """

    event_def: str
    timeout_ms: Annotated[int, Meta(ge=1, le=DURATION_MS_MAX)] | None = None
    correlation_key: Expression | None = None
    mask_correlation_key: bool = False
    resumable: bool = False


class StartThreadNode(NodeConfig, tag="START_THREAD", frozen=True):
    """Which thread of the spec, and the variables it begins with."""

    OUTPUT = "INT"

    thread: str
    variables: dict[str, Expression] = {}


class StartMultipleThreadsNode(NodeConfig, tag="START_MULTIPLE_THREADS", frozen=True):
    """Which thread, for each element of what; a variable INPUT of the thread is the element."""

    OUTPUT = "JSON_ARR"

    thread: str
    iterable: Expression
    variables: dict[str, Expression] = {}


class Strategy(StrEnum):
    """What decides a wait: FIRST, whatever ends first; ANY, what ends well first."""

    WAIT_FOR_ALL = "WAIT_FOR_ALL"
    WAIT_FOR_FIRST = "WAIT_FOR_FIRST"
    WAIT_FOR_ANY = "WAIT_FOR_ANY"


class WaitForThreadsNode(NodeConfig, tag="WAIT_FOR_THREADS", frozen=True):
    """Which threads: each expression is a number, or an array of numbers."""

    threads: tuple[Expression, ...]
    strategy: Strategy = Strategy.WAIT_FOR_ALL
    thread_handlers: tuple[FailureHandler, ...] = ()


class Tally(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a node counts its threads for the whole run to see, as `part` of what it publishes: one
    that has ended well as the text that it returns, if that is among `words`; the others by words
    of their own.
    """

    part: str
    words: tuple[str, ...]
    live: str
    failed: str
    killed: str


class RunThreadsNode(NodeConfig, tag="RUN_THREADS", frozen=True):
    """Threads to run, and to wait for: each of `threads` once, or with `values` the only one of
    them for each value of an array (a STR may be one, as JSON); its INPUT is the value and its
    INDEX the value's number, if it declares them. `concurrency` is how many are at work at most (0:
    no limit), `after` which threads must have ended before a thread is begun.

    Its output is how many have ended; with `gives_output` it is that of its only thread. With a
    `tally` it also tells, from the first thread on, how many have come how far.
    """

    OUTPUT = "INT"

    threads: tuple[str, ...]
    values: Expression | None = None
    variables: dict[str, Expression] = {}
    concurrency: Annotated[int, Meta(ge=0, le=THREADS_PER_RUN_MAX)] = 0
    after: dict[str, tuple[str, ...]] = {}
    gives_output: bool = False
    tally: Tally | None = None


class NopNode(NodeConfig, tag="NOP", frozen=True):
    """Nothing but its edges, and as output the value of what it `gives`."""

    gives: Expression | None = None


class SleepNode(NodeConfig, tag="SLEEP", frozen=True):
    """Either how many seconds (INT or DOUBLE), or until when (a TIMESTAMP)."""

    seconds: Expression | None = None
    until: Expression | None = None


class WaitForConditionNode(NodeConfig, tag="WAIT_FOR_CONDITION", frozen=True):
    """What must hold."""

    condition: Expression


class UserTaskNode(NodeConfig, tag="USER_TASK", frozen=True):
    """Which form (the newest version when the spec is registered, if none is named), for whom, with
    which notes, and what is done if it takes long.
    """

    OUTPUT = ValueType.JSON_OBJ

    user_task_def: str
    version: Annotated[int, Meta(ge=1, le=INT_MAX)] | None = None
    user_id: Expression | None = None
    user_group: Expression | None = None
    notes: Expression | None = None
    actions: tuple[UserTaskAction, ...] = ()
    on_cancellation_exception_name: str | None = None


class RunChildWfNode(NodeConfig, tag="RUN_CHILD_WF", frozen=True):
    """Which WfSpec, by name or by an expression, and what it is given: the `version`, or the newest
    revision of its major version, or the newest version if none is named. With `inherit_labels` it
    has this run's labels, too; `labels` win.
    """

    OUTPUT = "WF_RUN_ID"

    wf_spec: str | None = None
    dynamic_wf_spec: Expression | None = None
    version: Annotated[int, Meta(ge=1, le=INT_MAX)] | None = None
    major: Annotated[int, Meta(ge=0, le=INT_MAX)] | None = None
    inputs: dict[str, Expression] = {}
    labels: dict[str, Expression] = {}
    inherit_labels: bool = False


class WaitForChildWfNode(NodeConfig, tag="WAIT_FOR_CHILD_WF", frozen=True):
    """Which run: a WF_RUN_ID. With `gives_end` a run that fails is no failure here: the output says
    how it ended, as `{status, warned, failure, cause, output}`, where `failure` is a name or null,
    and `cause` that of the failure below from which it has come.

    A restart of this run, where that one has failed, goes on from the node `restart_from`, or here
    if none is named; with `restarts_run` it restarts that one, too.
    """

    wf_run_id: Expression
    gives_end: bool = False
    restart_from: str | None = None
    restarts_run: bool = False


class ThrowEventNode(NodeConfig, tag="THROW_EVENT", frozen=True):
    """Which WorkflowEventDef, and the content (null, if nothing is said)."""

    workflow_event_def: str
    content: Expression | None = None


AnyNode = (
    EntrypointNode
    | ExitNode
    | TaskNode
    | ExternalEventNode
    | StartThreadNode
    | StartMultipleThreadsNode
    | WaitForThreadsNode
    | RunThreadsNode
    | NopNode
    | SleepNode
    | WaitForConditionNode
    | UserTaskNode
    | RunChildWfNode
    | WaitForChildWfNode
    | ThrowEventNode
)
