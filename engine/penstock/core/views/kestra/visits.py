"""Visits of nodes: which of them are one task run, and which stand for none.

A visit that an operator had begun anew is the same task run. A node whose name has a dot was put in
by a compiler: it is no step, it helps one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from penstock.core.ids import is_step
from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import Rows
from penstock.core.state.run import NodeRun, WfRun

NO_STEPS: Final = frozenset({"ENTRYPOINT", "EXIT", "NOP"})


def stands_for_task(node: NodeRun) -> bool:
    """Whether a node run is a task run of its own."""
    return node.node_type not in NO_STEPS and is_step(node.node)


def visits_of(
    rows: Rows, run: WfRun, after: tuple[int, int] | None = None
) -> Iterator[list[NodeRun]]:
    """The visits of each task run, by thread and position; from behind a visit on."""
    prefix = NodeRun.key(run.tenant, run.wf_run_id)
    start = prefix
    if after is not None:
        start = NodeRun.key(run.tenant, run.wf_run_id, *after) + b"\x00"
    visits: list[NodeRun] = []
    for _, node in rows.range(NodeRun, start, after_prefix(prefix)):
        if visits and _follows(node, visits[-1]):
            visits.append(node)
            continue
        if visits:
            yield visits
        visits = [node] if stands_for_task(node) else []
    if visits:
        yield visits


def distinct(visits: Sequence[NodeRun]) -> list[NodeRun]:
    """The visits, but for those whose task is that of the next one: an operator has said that it
    did not fail.
    """
    following = [*visits[1:], None]
    return [
        one
        for one, after in zip(visits, following, strict=True)
        if one.task is None or after is None or after.task != one.task
    ]


def _follows(node: NodeRun, before: NodeRun) -> bool:
    """Whether a visit begins the one before it anew."""
    return (
        node.thread == before.thread
        and node.retries is not None
        and node.retries == before.position
        and node.node == before.node
    )
