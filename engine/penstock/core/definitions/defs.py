"""Definitions other than the WfSpec: rows that are decided on partition 0 and installed on every
partition.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from penstock.core.ids import derive_guid
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.values.types import VOID, StructField, TypeText


class InputVar(Struct, frozen=True, omit_defaults=True):
    """One input of a TaskDef: matched by name and type. A masked one is shown as `*****`."""

    name: str
    type: TypeText
    masked: bool = False


class BreakerSettings(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """When the tasks of a TaskDef are held: if of the newest `window` attempts that have ended, on
    a partition, more than the fraction `level` have failed. After `cool_down_ms` some are tried;
    without it an operator has to close the breaker.
    """

    level: float = 0.3
    window: int = 100
    cool_down_ms: int | None = None


class TaskDef(Row):
    """A kind of work that task workers do. Immutable: the same name means the same inputs and
    output for ever. `kind` groups TaskDefs, for people and for whoever runs workers; the engine
    makes nothing of it. The first of the inputs `addressed_by` that is given says where a task
    goes; these may be named later, too.
    """

    KIND, SCOPE, KEY = b"t", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    input_vars: tuple[InputVar, ...]
    return_type: TypeText | None
    idempotent: bool
    description: str
    created_ms: int
    kind: str = ""
    breaker: BreakerSettings | None = None
    addressed_by: tuple[str, ...] = ()

    @property
    def returns_nothing(self) -> bool:
        """Whether its output is null, and no place for a value."""
        return self.return_type == VOID


class Correlation(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Events of this kind may be put under a key: for how long they stay there (for ever, if
    nothing is said), and whether one goes when the first run has taken it.
    """

    ttl_seconds: int | None = None
    delete_after_first: bool = False


class EventRetention(Struct, frozen=True, forbid_unknown_fields=True):
    """How long an event that nobody has taken is kept. One that is kept for no time is refused when
    nobody waits for it.
    """

    after_put_s: int


class ExternalEventDef(Row):
    """A kind of event that can be put to runs; without a content type any JSON value will do, and
    null with any, unless it is required. An event that nobody has taken is kept as `retention`
    says, or else as long as its run.
    """

    KIND, SCOPE, KEY = b"e", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    content_type: TypeText | None
    description: str
    created_ms: int
    correlation: Correlation | None = None
    retention: EventRetention | None = None
    content_required: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether an event that nobody waits for is kept at all."""
        return self.retention is None or self.retention.after_put_s > 0


class StructDef(Row):
    """A type of struct, in its newest version. Each version takes all that the one before took: it
    may only add fields that are not required. So a type names the struct, and no version of it.
    """

    KIND, SCOPE, KEY = b"s", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    version: int
    fields: tuple[StructField, ...]
    description: str
    created_ms: int


class WorkflowEventDef(Row):
    """A kind of event that runs throw; without a content type any JSON value will do."""

    KIND, SCOPE, KEY = b"W", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    content_type: TypeText | None
    description: str
    created_ms: int


class Application(Row):
    """Who workflows are run for, and where it takes webhooks. `version` counts its changes: unlike
    other definitions it may be put again with another address, which holds from then on.
    """

    KIND, SCOPE, KEY = b"A", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    version: int
    webhook_url: str
    description: str
    created_ms: int
    updated_ms: int


class GoneAddress(Row):
    """Where tasks went, and what has said that it takes nothing any more: nobody is sent there, on
    any partition, until somebody has it tried again. Its name is made from the address. Tasks to it
    end with the business exception `failure`.
    """

    KIND, SCOPE, KEY = b"g", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    address: str
    failure: str
    message: str
    heard_by: str  # the run whose task went there
    task_def: str
    since_ms: int


def gone_name(address: str) -> str:
    """The name under which an address is kept as gone: short, whatever the address."""
    return derive_guid("address", address)


class HeldTask(Row):
    """A task that could not be sent because its topic is not there; sent when the topic is (R7)."""

    KIND, SCOPE, KEY = b"H", Scope.PARTITION, ("tenant", "task_def", "wf_run_id", "guid")
    SCANNED = True

    tenant: str
    task_def: str
    wf_run_id: str
    guid: str


TOPIC_READY_TASKS_MAX: Final = 1_000
QUEUE_PASSED_TASKS_MAX: Final = 1_000
