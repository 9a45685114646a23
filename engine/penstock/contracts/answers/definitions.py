"""The forms of answers about definitions, schedules and jobs, as render.py and the routes make
them. Tests hold every answer against them.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from penstock.contracts.answers.common import Answer, Done, Time, Token
from penstock.contracts.filters import BulkFilter
from penstock.core.bulk.rows import BulkRefusal, BulkStatus
from penstock.core.definitions.defs import BreakerSettings, Correlation, EventRetention, InputVar
from penstock.core.definitions.user_task_def import FieldType
from penstock.core.definitions.wf_spec import SpecBody
from penstock.core.schedules.schedules import FiringOutcome, Misfire, ScheduleStatus
from penstock.core.values.types import StructField


class FaultShown(Answer, frozen=True):
    """One thing that is wrong in a definition; `fault` is a stable name."""

    fault: str
    message: str
    thread: str | None
    node: str | None


class ErrorTold(Answer, frozen=True):
    """A stable code, a sentence for people; and what is wrong in a definition, one by one."""

    code: str
    message: str
    faults: list[FaultShown] = []


class ErrorShown(Answer, frozen=True):
    """The body of every error."""

    error: ErrorTold
    position: Token | UnsetType = UNSET


class BulkAsked(Done, frozen=True):
    """The id of a bulk job, under which it is read."""

    bulk_id: str


class BulkTold(BulkAsked, frozen=True):
    """What a bulk job has become."""

    status: BulkStatus


class BreakerClosed(Done, frozen=True):
    """Whose breaker is closed."""

    task_def: str


class QueueShown(Answer, frozen=True):
    """The queue of a TaskDef: how many tasks wait in it, and since when the oldest does. Null: it
    could not be counted in time.
    """

    task_def: str
    waiting: int | None
    oldest_at: Time | None


class WorkerShown(Answer, frozen=True):
    """A worker of a TaskDef, by the name that it gives itself. Over HTTP: when it asked for tasks
    last, null while it asks; and how many tasks it runs at once, of all its TaskDefs together, if
    it says so. Over Kafka: from where it reads, and how many partitions of the queue.
    """

    via: Literal["http", "kafka"]
    worker: str
    polled_at: Time | None
    host: str | None
    partitions: int | None
    slots: int | None


class Named(Done, frozen=True):
    """What became of a definition."""

    name: str


class NamedVersion(Named, frozen=True):
    """What became of a definition that has versions."""

    version: int


class NamedRevision(NamedVersion, frozen=True):
    """What became of a WfSpec."""

    major: int
    revision: int


class TaskDefShown(Answer, frozen=True):
    """A TaskDef."""

    name: str
    input_vars: list[InputVar]
    return_type: str | None
    idempotent: bool
    description: str
    kind: str
    breaker: BreakerSettings | None
    addressed_by: list[str]
    created_at: Time


class WfSpecShown(Answer, frozen=True):
    """A version of a WfSpec."""

    name: str
    version: int
    major: int
    revision: int
    spec: SpecBody
    created_at: Time
    deleted_at: Time | None


class Latest(Answer, frozen=True):
    """A definition as it stands in a list, with its newest version."""

    name: str
    version: int


class ExternalEventDefShown(Answer, frozen=True):
    """An ExternalEventDef."""

    name: str
    content_type: str | None
    description: str
    correlation: Correlation | None
    retention: EventRetention | None
    content_required: bool
    created_at: Time


class WorkflowEventDefShown(Answer, frozen=True):
    """A WorkflowEventDef."""

    name: str
    content_type: str | None
    description: str
    created_at: Time


class ReasonShown(Answer, frozen=True):
    """Why an address takes nothing any more."""

    name: str
    message: str


class GoneAddressShown(Answer, frozen=True):
    """An address that takes nothing any more, and which run was told so."""

    name: str
    address: str
    since: Time
    reason: ReasonShown
    wf_run_id: str
    task_def: str


class ApplicationShown(Answer, frozen=True):
    """An application; `disabled` says why nothing is posted to it any more."""

    name: str
    version: int
    webhook_url: str
    description: str
    created_at: Time
    updated_at: Time
    disabled: GoneAddressShown | None


class StepTask(Answer, frozen=True):
    """A step of a workflow, and its task."""

    step: str
    task: str


class WorkflowShown(Answer, frozen=True):
    """A workflow in its newest version; `name` is that of its WfSpec."""

    application: str
    workflow: str
    name: str
    version: int
    tasks: list[StepTask]
    created_at: Time


class StructDefShown(Answer, frozen=True):
    """A version of a StructDef."""

    name: str
    version: int
    fields: list[StructField]
    description: str
    created_at: Time


class StructDefTried(Answer, frozen=True):
    """Whether a StructDef would be accepted, and as which version; or the refusal's code, and what
    it says.
    """

    accepted: bool
    version: int | None
    code: str | None
    message: str | None


class FieldShown(Answer, frozen=True):
    """A field of a form."""

    name: str
    type: FieldType
    required: bool
    display_name: str | None
    description: str | None


class UserTaskDefShown(Answer, frozen=True):
    """A version of a UserTaskDef."""

    name: str
    version: int
    fields: list[FieldShown]
    description: str
    created_at: Time
    deleted_at: Time | None


class WebhookShown(Answer, frozen=True):
    """A webhook, without its key."""

    name: str
    version: int
    wf_spec: str
    has_key: Literal[True]
    inputs: dict[str, Any]
    headers: list[str]
    labels: dict[str, str]
    trigger: str
    description: str
    created_at: Time
    updated_at: Time


class FiringShown(Answer, frozen=True):
    """A time at which a schedule was due, and what came of it."""

    due_at: Time
    at: Time
    outcome: FiringOutcome
    wf_run_id: str | None
    message: str


class PauseShown(Answer, frozen=True):
    """When a schedule was paused, or let go on."""

    paused: bool
    at: Time
    principal: str


class ScheduleShown(Answer, frozen=True):
    """A schedule, how far it has come, and its newest firings."""

    schedule_id: str
    wf_spec: str
    version: int | None
    major: int | None
    revision: int | None
    variables: dict[str, Any]
    labels: dict[str, str]
    parent: str | None
    trigger: str
    cron: str | None
    at: Time | None
    time_zone: str
    misfire: Misfire
    grace_ms: int
    catch_up_max: int
    start_at: Time | None
    end_at: Time | None
    created_at: Time
    status: ScheduleStatus
    reason: str
    next_at: list[Time]
    firings: list[FiringShown]
    pauses: list[PauseShown]


class BulkHead(Answer, frozen=True):
    """A bulk job as it stands in a list."""

    bulk_id: str
    verb: str
    dry_run: bool
    principal: str
    asked_at: Time
    status: BulkStatus
    reason: str
    cancelled_by: str | None
    cancelling_at: Time | None
    ended_at: Time | None
    partitions_left: int
    looked: int
    matched: int
    done: int
    refused: dict[str, int]
    refusals: list[BulkRefusal]


class BulkShown(BulkHead, frozen=True):
    """A bulk job with all that was asked for."""

    filter: BulkFilter
    arguments: dict[str, Any]
