"""WfSpec: a workflow as data. Threads are graphs of nodes and edges; the entrypoint thread is where
a run begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from msgspec import Struct

from penstock.core.keys import Scope
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
    """The blueprint of one thread."""

    nodes: dict[str, AnyNode]
    variables: tuple[VariableDef, ...] = ()

    def variable(self, name: str) -> VariableDef | None:
        """The variable of this name, if this thread declares it."""
        for declared in self.variables:
            if declared.name == name:
                return declared
        return None


class SpecBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client registers under a name: the threads, and which of them a run begins with."""

    entrypoint: str
    threads: dict[str, ThreadSpec]


class WfSpec(Row):
    """One version of a workflow. A run stays with the version it was started with.

    `kept_outputs` names, for each thread, the nodes whose output another node refers to.
    """

    KIND, SCOPE, KEY = b"w", Scope.DEFINITION, ("tenant", "name", "version")

    tenant: str
    name: str
    version: int
    major: int
    revision: int
    body: SpecBody
    kept_outputs: dict[str, tuple[str, ...]]
    created_ms: int


class LatestWfSpec(Row):
    """Which version of a WfSpec is the newest."""

    KIND, SCOPE, KEY = b"l", Scope.DEFINITION, ("tenant", "name")

    tenant: str
    name: str
    version: int
