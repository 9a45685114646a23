"""WfSpec: a workflow as data. Threads are graphs of nodes and edges; the entrypoint thread is where
a run begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from msgspec import Meta, Struct

from penstock.core.keys import Scope
from penstock.core.limits import DURATION_MS_MAX
from penstock.core.nodes import NODE_TYPES
from penstock.core.nodes.base import NodeConfig
from penstock.core.rows import Row
from penstock.core.values import Value, ValueType

if TYPE_CHECKING:
    AnyNode = NodeConfig
else:
    AnyNode = Union[tuple(node.config for node in NODE_TYPES)]  # noqa: UP007 - made from the table


class VariableDef(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A variable of a thread. A required one must be given when the thread starts; else it is
    `default` (or null).
    """

    name: str
    type: ValueType
    required: bool = False
    default: Value = None


class ThreadSpec(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The blueprint of one thread. `interrupts` names, for each ExternalEventDef that interrupts
    it, the thread that handles that.
    """

    nodes: dict[str, AnyNode]
    variables: tuple[VariableDef, ...] = ()
    interrupts: dict[str, str] = {}

    def variable(self, name: str) -> VariableDef | None:
        """The variable of this name, if this thread declares it."""
        for declared in self.variables:
            if declared.name == name:
                return declared
        return None


class Retention(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How long a run is kept after its end (for ever, if nothing is said)."""

    after_termination_s: Annotated[int, Meta(ge=0, le=DURATION_MS_MAX // 1_000)] | None = None


class SpecBody(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a client registers under a name: the threads, which of them a run begins with, and how
    long a run is kept.
    """

    entrypoint: str
    threads: dict[str, ThreadSpec]
    retention: Retention | None = None


class WfSpec(Row):
    """One version of a workflow. A run stays with the version it was started with.

    Known of each thread: `kept_outputs`, the nodes whose output another node refers to, and
    `first_nodes`, where it begins.
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

    def type_name(self, thread: str, node: str) -> str:
        """The name of a node's type."""
        return str(self.body.threads[thread].nodes[node].__struct_config__.tag)


class LatestWfSpec(Row):
    """Which version of a WfSpec is the newest."""

    KIND, SCOPE, KEY = b"l", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    version: int
