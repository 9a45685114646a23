"""A thread in the making: nodes in a row, branches, and the way back of a loop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from msgspec.structs import replace

from penstock.core.definitions.graph import Edge, Mutation, NodeConfig
from penstock.core.definitions.nodes import AnyNode, EntrypointNode, ExitNode, NopNode
from penstock.core.definitions.wf_spec import ThreadSpec, VariableDef
from penstock.core.values.expressions import Expression

START = "at.start"
END = "at.end"
_START = EntrypointNode()

End = tuple[str, Expression | None, tuple[Mutation, ...]]


class Graph:
    """Each node that is added follows on the open ends, which it then becomes."""

    def __init__(
        self, variables: Iterable[VariableDef] = (), start: EntrypointNode = _START
    ) -> None:
        self.variables = list(variables)
        self._nodes: dict[str, NodeConfig] = {}
        self._edges: dict[str, list[Edge]] = {}
        self._ends: list[End] = []
        self.add(START, start)

    def add(self, name: str, node: NodeConfig) -> None:
        """The next node."""
        self._nodes[name] = node
        self._edges[name] = []
        self._join(name)
        self._ends = [(name, None, ())]

    def stop(self, name: str, node: ExitNode) -> None:
        """The thread ends here, on these ways; others go on if they are opened again."""
        self.add(name, node)
        self._ends = []

    def branch(
        self, name: str, condition: Expression | None = None, mutations: tuple[Mutation, ...] = ()
    ) -> list[End]:
        """A way on from a node, the next in the order in which ways are tried; returns the ends
        that were open.
        """
        self._settle()
        before = self._ends
        self._ends = [(name, condition, mutations)]
        return before

    def changes(self, mutations: tuple[Mutation, ...]) -> None:
        """What changes variables on the way to the next node."""
        self._ends = [
            (name, condition, (*before, *mutations)) for name, condition, before in self._ends
        ]

    def merge(self, ends: Iterable[End]) -> None:
        """These are open, too."""
        self._settle()
        self._ends += ends

    def _settle(self) -> None:
        """A way with a condition gets a node now, since it is its turn."""
        if any(condition is not None for _, condition, _ in self._ends):
            self.add(f"at.{len(self._nodes)}", NopNode())

    def back_to(self, name: str) -> None:
        """The open ends go back to a node that is there already."""
        self._join(name)
        self._ends = []

    def _join(self, name: str) -> None:
        for source, condition, mutations in self._ends:
            self._edges[source].append(Edge(name, condition, mutations))

    def thread(self, returns: Expression | None = None) -> ThreadSpec:
        """The thread as it now is, with its EXIT if any way leads there."""
        if self._ends:
            self.add(END, ExitNode(returns=returns))
        nodes = {
            name: replace(cast(AnyNode, node), edges=tuple(self._edges[name]))
            for name, node in self._nodes.items()
        }
        return ThreadSpec(nodes, tuple(self.variables))
