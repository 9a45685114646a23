"""What things are searched by: one table for each kind. The routes take these parameters, the
client's methods these arguments, and the command line these options.

Rules
- One thing has one name in all tables. Where several may be given, any of them does, but for
  labels, tags and variables, all of which must be there.
- A `started_after` is met by the moment itself, a `started_before` is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, TypedDict

from msgspec import Struct

from penstock.contracts.answers.common import Time
from penstock.core.schedules.schedules import ScheduleStatus
from penstock.core.state.start_rows import EndState
from penstock.core.state.transitions import NodeStatus, ThreadStatus, UserTaskStatus

DeliveryStatus = Literal["pending", "delivered", "failed"]


class InTime(TypedDict, total=False):
    """When it began."""

    started_after: Annotated[datetime, "Begun at this time, or later."]
    started_before: Annotated[datetime, "Begun before this time."]


class OfRuns(InTime, total=False):
    """Of which runs something is."""

    namespace: Annotated[str, "Of WfSpecs in this namespace, or below it."]
    wf_spec: Annotated[str, "Of this WfSpec, with its namespace or without."]
    version: Annotated[int, "In this version of the WfSpec."]
    major: Annotated[int, "In a revision of this major version of the WfSpec."]
    revision: Annotated[int, "In this revision of the major version."]
    label: Annotated[Sequence[str], "Of runs with all these labels, each as <key>:<value>."]
    trigger_wf_run_id: Annotated[str, "Of runs that this run, or its end, has started."]
    child_filter: Annotated[Literal["CHILD", "MAIN"], "Of child runs, or of no child runs."]


class RunFilters(OfRuns, total=False):
    """Runs."""

    q: Annotated[str, "What is in an id, a name or a label, in any case of letters."]
    status: Annotated[Sequence[ThreadStatus | str], "In one of these statuses."]


class VariableFilters(TypedDict, total=False):
    """Runs of one WfSpec by the values of variables."""

    variable: Annotated[
        Sequence[str],
        "Runs of a WfSpec with all these values in searchable variables, each as <name>:<value>, or"
        " <name><path>:<value> for a part of one, such as order$.total:12.",
    ]


class RunSearch(RunFilters, VariableFilters, total=False):
    """Runs, by any of these."""


class TaskRunFilters(OfRuns, total=False):
    """Task runs."""

    q: Annotated[str, "What is in a name or an id, in any case of letters."]
    task: Annotated[str, "Of this node."]
    task_def: Annotated[str, "Of this TaskDef."]
    status: Annotated[Sequence[str], "In one of these statuses, as the view names them."]


class SeriesFilters(TypedDict, total=False):
    """What the attempts of a run have measured."""

    name: Annotated[str, "Only series of this name."]
    tag: Annotated[Sequence[str], "Only series with all these tags, each as <key>:<value>."]


class MetricFilters(SeriesFilters, OfRuns, total=False):
    """What attempts have measured."""

    task: Annotated[str, "Of this node."]
    task_def: Annotated[str, "Of this TaskDef."]


class BulkFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs a bulk job is about: those that meet every criterion that is given, by the words
    of a search; `status` and `ends` are met by one of theirs, `ends` by runs that have ended, and
    count as having ended so. `wf_spec` is a whole name. Runs below others are left out unless they
    are named, or `children` are wanted, or child runs alone. `all` runs are meant only by who says
    so.

    >>> BulkFilter(wf_spec="greeting", variable=("name:Ada",)).wf_spec
    'greeting'
    """

    all: bool = False
    wf_run_ids: tuple[str, ...] = ()
    wf_spec: str | None = None
    version: int | None = None
    status: tuple[ThreadStatus, ...] = ()
    label: tuple[str, ...] = ()
    started_after: Time | None = None
    started_before: Time | None = None
    ended_after: Time | None = None
    ended_before: Time | None = None
    children: bool = False
    ends: tuple[EndState, ...] = ()
    q: str | None = None
    namespace: str | None = None
    major: int | None = None
    revision: int | None = None
    trigger_wf_run_id: str | None = None
    child_filter: Literal["CHILD", "MAIN"] | None = None
    variable: tuple[str, ...] = ()


class NodeRunFilters(OfRuns, total=False):
    """Node runs."""

    node: Annotated[str, "Of this node."]
    type: Annotated[str, "Of nodes of this type, such as EXTERNAL_EVENT."]
    status: Annotated[Sequence[NodeStatus | str], "In one of these statuses."]
    event_def: Annotated[str, "Of nodes that wait for this event."]


class ExternalEventFilters(OfRuns, total=False):
    """Events that were put to runs."""

    event_def: Annotated[str, "Of this ExternalEventDef."]
    claimed: Annotated[bool, "Those that a node has taken, or those that none has."]


class WorkflowEventFilters(OfRuns, total=False):
    """Events that runs have thrown."""

    event_def: Annotated[str, "Of this WorkflowEventDef."]


class CorrelatedEventFilters(InTime, total=False):
    """Events that lie under keys."""

    event_def: Annotated[str, "Of this ExternalEventDef."]


class UserTaskFilters(InTime, total=False):
    """User tasks."""

    user_id: Annotated[str, "Assigned to this user."]
    user_group: Annotated[str, "Of this group."]
    user_task_def: Annotated[str, "With this form."]
    status: Annotated[Sequence[UserTaskStatus | str], "In one of these statuses."]


class ScheduleFilters(TypedDict, total=False):
    """Schedules."""

    wf_spec: Annotated[str, "Of this WfSpec, with its namespace or without."]
    status: Annotated[Sequence[ScheduleStatus | str], "In one of these statuses."]


class DefinitionFilters(TypedDict, total=False):
    """Definitions."""

    prefix: Annotated[str, "Whose names begin so."]


class WfSpecFilters(DefinitionFilters, total=False):
    """WfSpecs."""

    task_def: Annotated[str, "Whose newest version uses this TaskDef."]


class DeliveryTargets(TypedDict, total=False):
    """Webhooks that were to go somewhere."""

    task_def: Annotated[str, "The TaskDef that sends; `send-webhook` if it is left out."]
    url: Annotated[str, "Only what was to go to this address."]
    endpoint: Annotated[str, "Only what was to go to this endpoint."]


class DeliveryFilters(DeliveryTargets, total=False):
    """Webhooks that runs have sent, or could not."""

    status: Annotated[Sequence[DeliveryStatus], "In one of these statuses."]
