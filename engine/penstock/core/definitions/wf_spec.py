"""WfSpec: a workflow as data. Threads are graphs of nodes and edges; the entrypoint thread is where
a run begins.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.definitions.nodes import AnyNode
from penstock.core.definitions.run_starts import RunStart
from penstock.core.limits import DURATION_MS_MAX, INT_MAX
from penstock.core.state.keys import Scope
from penstock.core.state.place_rows import LimitBehavior
from penstock.core.state.rows import Row, Rows
from penstock.core.values.forms import Expression
from penstock.core.values.types import TypeText
from penstock.core.values.value import Value


class Access(StrEnum):
    """Who else may use a variable: child runs may (PUBLIC_VAR), nobody may (PRIVATE_VAR), or it is
    the parent run's variable of the same name (INHERITED_VAR).
    """

    PUBLIC_VAR = "PUBLIC_VAR"
    PRIVATE_VAR = "PRIVATE_VAR"
    INHERITED_VAR = "INHERITED_VAR"


class JsonIndex(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a JSON variable by which runs can be searched for, and its type."""

    path: str
    type: TypeText


class VariableDef(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A variable of a thread. A required one must be given when the thread starts; else it is
    `default` (or null). Runs can be searched for by the value of a searchable one, and by the
    `json_indexes` of others; a masked one is shown as `*****`, workers get the clear value, and no
    run is found by it.
    """

    name: str
    type: TypeText
    required: bool = False
    default: Value = None
    searchable: bool = False
    json_indexes: tuple[JsonIndex, ...] = ()
    masked: bool = False
    access: Access = Access.PUBLIC_VAR

    @property
    def is_inherited(self) -> bool:
        """Whether it is kept in the parent run."""
        return self.access is Access.INHERITED_VAR


class Retention(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How long a run, or a thread, is kept after its end: for ever, a thread as long as its run, if
    nothing is said.
    """

    after_termination_s: Annotated[int, Meta(ge=0, le=DURATION_MS_MAX // 1_000)] | None = None


class RunLimit(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How many runs of a spec may be at work at once, and what becomes of others; with a `key`, how
    many of those that have the same one.
    """

    most: Annotated[int, Meta(ge=1, le=INT_MAX)]
    behavior: LimitBehavior = LimitBehavior.QUEUE
    key: Expression | None = None


class ThreadSpec(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The blueprint of one thread. `interrupts` names, for each ExternalEventDef that interrupts
    it, the thread that handles that; `interrupt_keys`, for some of them, the key under which they
    interrupt it, too, known when the thread begins. `retention` is how long what it leaves is kept
    while its run lives on; how it ended is kept as long as the run.
    """

    nodes: dict[str, AnyNode]
    variables: tuple[VariableDef, ...] = ()
    interrupts: dict[str, str] = {}
    interrupt_keys: dict[str, Expression] = {}
    retention: Retention | None = None

    def variable(self, name: str) -> VariableDef | None:
        """The variable of this name, if this thread declares it."""
        for declared in self.variables:
            if declared.name == name:
                return declared
        return None


class SpecBody(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a client registers under a name: the threads, and which of them a run begins with; the
    WfSpec from whose runs it inherits variables, and if it says so, the major version that these
    must follow; how long a run is kept; how many runs may be at work at once (what the newest
    version says of that counts for all that have a limit); the namespace with which the name
    begins, and the labels with which each run does; after which ends of other runs a run is started
    (what the newest version says of that counts).
    """

    entrypoint: str
    threads: dict[str, ThreadSpec]
    parent: str | None = None
    retention: Retention | None = None
    parent_major: Annotated[int, Meta(ge=0, le=INT_MAX)] | None = None
    namespace: str = ""
    labels: dict[str, str] = {}
    limit: RunLimit | None = None
    starts: tuple[RunStart, ...] = ()


class Interface(Struct, array_like=True, frozen=True, gc=False):
    """What others rely on in a version: the names of its public variables and of those that must
    be given to start it, and the types of what it returns; each sorted.
    """

    public: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()


class WfSpec(Row):
    """One version of a workflow. A run stays with the version it was started with.

    Known of each thread: `kept_outputs`, the nodes whose output another node refers to, and
    `first_nodes`, where it begins; `masked_outputs`, the nodes whose output is what a masked
    variable is made of. `frozen` are the types that later versions must keep. No run of
    a deleted version is started any more.
    """

    KIND, SCOPE, KEY = b"w", Scope.DEFINITION, ("tenant", "name", "version")

    tenant: str
    name: str
    version: int
    major: int
    revision: int
    body: SpecBody
    kept_outputs: dict[str, tuple[str, ...]]
    first_nodes: dict[str, str]
    created_ms: int
    interface: Interface = Interface()
    frozen: dict[str, str] = {}
    deleted_ms: int | None = None
    masked_outputs: dict[str, tuple[str, ...]] = {}

    def type_name(self, thread: str, node: str) -> str:
        """The name of a node's type."""
        return str(self.body.threads[thread].nodes[node].__struct_config__.tag)


class LatestWfSpec(Row):
    """Which version of a WfSpec is the newest that is not deleted (0: none), and which number was
    given last.
    """

    KIND, SCOPE, KEY = b"l", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    version: int
    last: int = 0


class MajorWfSpec(Row):
    """Which versions are revisions of a major one: from `first` on; `version` is the newest that is
    not deleted (0: none).
    """

    KIND, SCOPE, KEY = b"m", Scope.DEFINITION, ("tenant", "name", "major")

    tenant: str
    name: str
    major: int
    first: int
    version: int


def spec_version(rows: Rows, tenant: str, name: str, version: int) -> WfSpec | None:
    """A version of a spec, if it is there and not deleted."""
    spec = rows.peek(WfSpec, tenant, name, version) if version > 0 else None
    return None if spec is None or spec.deleted_ms is not None else spec


def newest_spec(rows: Rows, tenant: str, name: str, major: int | None) -> WfSpec | None:
    """The newest version of a spec, or of a major version of it, that is not deleted."""
    newest: LatestWfSpec | MajorWfSpec | None
    if major is None:
        newest = rows.peek(LatestWfSpec, tenant, name)
    else:
        newest = rows.peek(MajorWfSpec, tenant, name, max(major, 0))
    return rows.peek(WfSpec, tenant, name, newest.version) if newest and newest.version else None
