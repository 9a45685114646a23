"""WfSpec: a workflow as data. Threads are graphs of nodes and edges; the entrypoint thread is where
a run begins.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Union

from msgspec import Struct

from penstock.core.keys import Scope
from penstock.core.nodes import NODE_TYPES
from penstock.core.nodes.base import NodeConfig
from penstock.core.rows import Row
from penstock.core.types import TypeText
from penstock.core.values import Value

if TYPE_CHECKING:
    AnyNode = NodeConfig
else:
    AnyNode = Union[tuple(node.config for node in NODE_TYPES)]  # noqa: UP007 - made from the table


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
    `default` (or null). A searchable one can be searched for by its value, a JSON one by its
    `json_indexes`; a masked one is shown as `*****`, and workers get the clear value.
    """

    name: str
    type: TypeText
    required: bool = False
    default: Value = None
    searchable: bool = False
    json_indexes: tuple[JsonIndex, ...] = ()
    masked: bool = False
    access: Access = Access.PUBLIC_VAR


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
