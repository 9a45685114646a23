"""What a turn asks of the outside: values in a list, which the processor delivers in order (I3).

An output's stamp is (topic id, partition, offset, index): the processor adds it, the fold only
keeps the order.
"""

from typing import Any

from msgspec import Struct

from penstock.core.errors import Fault
from penstock.core.values.value import Value


class ScheduledTask(Struct, frozen=True):
    """A task for the workers of a TaskDef (schemas/task). `secrets` are the inputs that the worker
    has to fill in, each with the name of its secret; in `inputs` they are null. `checkpoint` is the
    newest of the `total_checkpoints` that earlier attempts have put aside, `checkpoints_bytes` is
    what all of them have used of the bytes that a task may have.
    """

    tenant: str
    wf_run_id: str
    guid: str
    task_def: str
    attempt: int
    inputs: dict[str, Value]
    wf_spec: str
    version: int
    node: str
    thread: int
    scheduled_at_ms: int
    timeout_ms: int
    max_attempts: int
    report_partition: int
    heartbeat_timeout_ms: int | None = None
    total_checkpoints: int = 0
    secrets: dict[str, str] = {}
    checkpoint: Value = None
    checkpoints_bytes: int = 0


class WorkerSignal(Struct, frozen=True):
    """Asks the worker of a running attempt to end it (schemas/task). A hint that comes soon: the
    answers to heartbeats and checkpoints say the same.
    """

    tenant: str
    wf_run_id: str
    guid: str
    task_def: str
    attempt: int
    worker: str
    stop: str


class EventOutput(Struct, frozen=True):
    """Something that happened, for the outside (schemas/event)."""

    tenant: str
    key: str
    body: "Event"


class CommandOutput(Struct, frozen=True):
    """A command for another partition, with the stamp of the one before it on the same way (R4)."""

    tenant: str
    target: int
    previous: str
    body: Any  # a Command; the table in commands/ would be a circle here


class DeadLetter(Struct, frozen=True):
    """The record at hand could not be handled; the processor keeps its bytes with the reason."""

    code: str
    message: str


Output = ScheduledTask | WorkerSignal | EventOutput | CommandOutput | DeadLetter


class WfRunChanged(Struct, frozen=True, kw_only=True):
    """A WfRun came to have a status."""

    wf_run_id: str
    wf_spec: str
    version: int
    status: str
    at_ms: int
    output: Value = None
    failure: str | None = None
    message: str | None = None
    warned: bool = False


class WfRunDeleted(Struct, frozen=True, kw_only=True):
    """The last row of a run, and of its child runs, is gone."""

    wf_run_id: str
    wf_spec: str
    principal: str
    at_ms: int


class TaskRunChanged(Struct, frozen=True, kw_only=True):
    """A TaskRun ended, or an attempt of it failed and another will follow (TASK_PENDING)."""

    wf_run_id: str
    guid: str
    task_def: str
    status: str
    attempt: int
    at_ms: int


class UserTaskRunChanged(Struct, frozen=True, kw_only=True):
    """A UserTaskRun was made, given to somebody, released, completed or cancelled."""

    wf_run_id: str
    guid: str
    user_task_def: str
    version: int
    status: str
    user_id: str | None
    user_group: str | None
    at_ms: int


class CommandRefused(Struct, frozen=True, kw_only=True):
    """A command was refused; nothing of it stays. Of a verb done to one of many runs, the bulk job
    is named; of a definition, `faults` are the kinds of what is wrong with it.
    """

    command: str
    command_id: str | None
    code: str
    message: str
    at_ms: int
    bulk_id: str | None = None
    faults: tuple[str, ...] = ()


class WorkflowEventThrown(Struct, frozen=True, kw_only=True):
    """A run has thrown a workflow event; `number` counts those of the run, `def_number` those of
    its kind.
    """

    wf_run_id: str
    number: int
    workflow_event_def: str
    content: Value
    thread: int
    position: int
    at_ms: int
    def_number: int = 0


Event = (
    WfRunChanged
    | WfRunDeleted
    | TaskRunChanged
    | UserTaskRunChanged
    | CommandRefused
    | WorkflowEventThrown
)
EVENTS: tuple[type[Struct], ...] = (
    WfRunChanged,
    WfRunDeleted,
    TaskRunChanged,
    UserTaskRunChanged,
    CommandRefused,
    WorkflowEventThrown,
)


class Answer(Struct, array_like=True, frozen=True, gc=False):
    """What the sender of a command is told; `faults` is what is wrong with a definition, one by
    one.
    """

    code: str | None = None
    message: str = ""
    body: Value = None
    repeated: bool = False
    faults: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the command was accepted."""
        return self.code is None
