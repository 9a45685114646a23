"""A flow as it was read: typed, with the place of everything that may still prove to be wrong."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from penstock.core.values.templates.wanted import Path
from penstock.flows.document import Mark, Node
from penstock.flows.kinds import TaskKind


class Retry(Struct, frozen=True):
    """How a failed task is tried again; times are in milliseconds."""

    type: str
    max_attempts: int | None = None
    max_duration_ms: int | None = None
    warning_on_retry: bool = False
    behavior: str = "RETRY_FAILED_TASK"
    interval_ms: int = 0
    max_interval_ms: int | None = None
    delay_factor: float = 2.0
    min_interval_ms: int = 0


class FlowInput(Struct, frozen=True):
    """An input of a flow, or of who resumes a pause."""

    mark: Mark
    id: str
    type: str
    required: bool = True
    defaults: Any = None
    values: tuple[str, ...] = ()
    written: Node | None = None  # the defaults, as they stand


class FlowTask(Struct, frozen=True):
    """A task: its kind, its own properties as they stand, and the tasks below it by property."""

    mark: Mark
    id: str
    kind: TaskKind
    given: dict[str, Any]
    places: dict[str, Mark]
    bodies: dict[str, tuple[FlowTask, ...]] = {}
    cases: dict[str, tuple[FlowTask, ...]] = {}
    depends_on: dict[str, tuple[str, ...]] = {}
    inputs: tuple[FlowInput, ...] = ()
    retry: Retry | None = None
    allow_failure: bool = False
    allow_warning: bool = False
    run_if: str | None = None
    timeout_ms: int | None = None
    errors: tuple[FlowTask, ...] = ()


class FlowOutput(Struct, frozen=True):
    """What a flow gives back."""

    mark: Mark
    id: str
    type: str
    value: Any


class Limit(Struct, frozen=True):
    """How many runs of the flow there may be at once, and what becomes of one too many."""

    most: int
    behavior: str = "QUEUE"


class Watched(Struct, frozen=True):
    """Which flows' ends start the flow: of one, of all in a namespace, or also of those below it;
    in which states, and with which labels.
    """

    namespace: str
    flow_id: str | None = None
    below: bool = False
    states: tuple[str, ...] = ()
    labels: dict[str, str] = {}


class Trigger(Struct, frozen=True):
    """What starts the flow by itself; one of type flow has `watched`."""

    mark: Mark
    id: str
    type: str
    given: dict[str, Any]
    places: dict[str, Mark]
    watched: Watched | None = None


class Flow(Struct, frozen=True):
    """A flow; `names` are what its templates can not do without, and where it is asked for; `ids`
    those of all tasks, the disabled ones, too. It `tells` its runs what has started them if it has
    a trigger, be that disabled or not.
    """

    mark: Mark
    id: str
    namespace: str
    tasks: tuple[FlowTask, ...]
    description: str = ""
    inputs: tuple[FlowInput, ...] = ()
    variables: dict[str, Any] = {}
    errors: tuple[FlowTask, ...] = ()
    at_last: tuple[FlowTask, ...] = ()
    outputs: tuple[FlowOutput, ...] = ()
    labels: dict[str, str] = {}
    retry: Retry | None = None
    limit: Limit | None = None
    triggers: tuple[Trigger, ...] = ()
    disabled: bool = False
    names: tuple[tuple[Mark, Path], ...] = ()
    ids: frozenset[str] = frozenset()
    tells: bool = False

    @property
    def all_tasks(self) -> tuple[FlowTask, ...]:
        """Those of the flow itself, whenever they are run."""
        return (*self.tasks, *self.errors, *self.at_last)
