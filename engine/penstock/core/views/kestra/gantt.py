"""The order in which the task runs of an execution are drawn: a tree, in the order of starts."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.core.views.seen import Json


def gantt(task_runs: Iterable[Json]) -> list[tuple[int, Json]]:
    """The task runs, each with how deep it stands: those at the top by when they began, and below
    each its children, by when these began. One whose parent is not among them stands at the top.
    """
    all_of_them = list(task_runs)
    known = {one["id"] for one in all_of_them}
    below: dict[str | None, list[Json]] = {}
    for one in all_of_them:
        parent = one.get("parentTaskRunId")
        below.setdefault(parent if parent in known else None, []).append(one)
    for children in below.values():
        children.sort(key=lambda one: one["state"]["startDate"])
    ordered: list[tuple[int, Json]] = []
    waiting = [(0, one) for one in reversed(below.get(None, ()))]
    while waiting:
        depth, one = waiting.pop()
        ordered.append((depth, one))
        waiting += [(depth + 1, child) for child in reversed(below.get(one["id"], ()))]
    return ordered
