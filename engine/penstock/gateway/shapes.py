"""The forms of answers about definitions, schedules and jobs, as render.py and the routes make
them. Tests hold every answer against them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from penstock.core.bulk.rows import BulkFilter, BulkRefusal, BulkStatus
from penstock.core.definitions.defs import BreakerSettings, Correlation, EventRetention, InputVar
from penstock.core.definitions.user_task_def import FieldType
from penstock.core.definitions.wf_spec import SpecBody
from penstock.core.schedules.schedules import FiringOutcome, Misfire, ScheduleStatus
from penstock.core.values.types import StructField
from penstock.gateway.says import Done, Token

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class FaultShown(TypedDict):
    """One thing that is wrong in a definition; `fault` is a stable name."""

    fault: str
    message: str
    thread: str | None
    node: str | None


class _ErrorTold(TypedDict):
    code: str
    message: str


class ErrorTold(_ErrorTold, total=False):
    """A stable code, a sentence for people; and what is wrong in a definition, one by one."""

    faults: list[FaultShown]


class _ErrorShown(TypedDict):
    error: ErrorTold


class ErrorShown(_ErrorShown, total=False):
    """The body of every error."""

    position: Token


class BulkAsked(Done):
    """The id of a bulk job, under which it is read."""

    bulk_id: str


class BulkTold(BulkAsked):
    """What a bulk job has become."""

    status: BulkStatus


class BreakerClosed(Done):
    """Whose breaker is closed."""

    task_def: str


class Named(Done):
    """What became of a definition."""

    name: str


class NamedVersion(Named):
    """What became of a definition that has versions."""

    version: int


class NamedRevision(NamedVersion):
    """What became of a WfSpec."""

    major: int
    revision: int


class TaskDefShown(TypedDict):
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


class WfSpecShown(TypedDict):
    """A version of a WfSpec."""

    name: str
    version: int
    major: int
    revision: int
    spec: SpecBody
    created_at: Time
    deleted_at: Time | None


class Latest(TypedDict):
    """A definition as it stands in a list, with its newest version."""

    name: str
    version: int


class ExternalEventDefShown(TypedDict):
    """An ExternalEventDef."""

    name: str
    content_type: str | None
    description: str
    correlation: Correlation | None
    retention: EventRetention | None
    created_at: Time


class WorkflowEventDefShown(TypedDict):
    """A WorkflowEventDef."""

    name: str
    content_type: str | None
    description: str
    created_at: Time


class ReasonShown(TypedDict):
    """Why an address takes nothing any more."""

    name: str
    message: str


class GoneAddressShown(TypedDict):
    """An address that takes nothing any more, and which run was told so."""

    name: str
    address: str
    since: Time
    reason: ReasonShown
    wf_run_id: str
    task_def: str


class ApplicationShown(TypedDict):
    """An application; `disabled` says why nothing is posted to it any more."""

    name: str
    version: int
    webhook_url: str
    description: str
    created_at: Time
    updated_at: Time
    disabled: GoneAddressShown | None


class StepTask(TypedDict):
    """A step of a workflow, and its task."""

    step: str
    task: str


class WorkflowShown(TypedDict):
    """A workflow in its newest version; `name` is that of its WfSpec."""

    application: str
    workflow: str
    name: str
    version: int
    tasks: list[StepTask]
    created_at: Time


class StructDefShown(TypedDict):
    """A version of a StructDef."""

    name: str
    version: int
    fields: list[StructField]
    description: str
    created_at: Time


class FieldShown(TypedDict):
    """A field of a form."""

    name: str
    type: FieldType
    required: bool
    display_name: str | None
    description: str | None


class UserTaskDefShown(TypedDict):
    """A version of a UserTaskDef."""

    name: str
    version: int
    fields: list[FieldShown]
    description: str
    created_at: Time
    deleted_at: Time | None


class WebhookShown(TypedDict):
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


class FiringShown(TypedDict):
    """A time at which a schedule was due, and what came of it."""

    due_at: Time
    at: Time
    outcome: FiringOutcome
    wf_run_id: str | None
    message: str


class PauseShown(TypedDict):
    """When a schedule was paused, or let go on."""

    paused: bool
    at: Time
    principal: str


class ScheduleShown(TypedDict):
    """A schedule, how far it has come, and its newest firings."""

    schedule_id: str
    wf_spec: str
    version: int | None
    major: int | None
    revision: int | None
    variables: dict[str, Any]
    labels: dict[str, str]
    parent: str | None
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


class BulkHead(TypedDict):
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


class BulkShown(BulkHead):
    """A bulk job with all that was asked for."""

    filter: BulkFilter
    arguments: dict[str, Any]
