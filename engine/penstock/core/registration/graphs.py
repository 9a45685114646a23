"""Graphs of names, as checks ask of them. A spec may be large, and hostile: all of it takes time
that grows with the number of nodes and edges, times a small constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Graph = Mapping[str, Sequence[str]]
"""What each name leads to; all that is led to is a key."""


def reachable(graph: Graph, starts: Iterable[str]) -> set[str]:
    """These names, and all to which they lead."""
    seen = dict.fromkeys(starts)
    pending = list(seen)
    while pending:
        for name in graph[pending.pop()]:
            if name not in seen:
                seen[name] = None
                pending.append(name)
    return set(seen)


class Ways:
    """Which name leads to which, by one step or more: asked often, worked out once."""

    def __init__(self, graph: Graph) -> None:
        self._bit = {name: 1 << number for number, name in enumerate(graph)}
        self._below: dict[str, int] = {}
        for component in _components(graph):
            below = 0
            for name in component:
                for after in graph[name]:
                    below |= self._bit[after] | self._below.get(after, 0)
            self._below.update(dict.fromkeys(component, below))

    def lead(self, name: str, to: str) -> bool:
        """Whether one comes from here to there."""
        return bool(self._below[name] & self._bit[to])


def _components(graph: Graph) -> Iterable[list[str]]:
    """The names that lead to each other, together; those that others lead to come first."""
    backwards: dict[str, list[str]] = {name: [] for name in graph}
    for name, after in graph.items():
        for other in after:
            backwards[other].append(name)
    found: list[list[str]] = []
    seen = set[str]()
    for root in reversed(by_end(graph)):
        if root in seen:
            continue
        component, pending = [root], [root]
        seen.add(root)
        while pending:
            for name in backwards[pending.pop()]:
                if name not in seen:
                    seen.add(name)
                    component.append(name)
                    pending.append(name)
        found.append(component)
    return reversed(found)


def by_end(graph: Graph) -> list[str]:
    """All names, each behind those that a search in depth comes to from it."""
    ended: list[str] = []
    seen = set[str]()
    for root in graph:
        if root in seen:
            continue
        seen.add(root)
        path = [(root, iter(graph[root]))]
        while path:
            name, rest = path[-1]
            after = next((other for other in rest if other not in seen), None)
            if after is None:
                ended.append(name)
                path.pop()
            else:
                seen.add(after)
                path.append((after, iter(graph[after])))
    return ended
