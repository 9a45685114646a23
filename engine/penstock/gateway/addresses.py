"""Where a task, a user task or a child run stands in its family, said without derived ids: so that
it can be found again in another fold, in which the ids are others.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from penstock.core.state.rows import Rows
from penstock.core.state.run import NodeRun, TaskRun
from penstock.core.state.user_task_rows import UserTaskRun

_NUMBERED: Final = re.compile(r"^\d+-(?=.)")
"""The SDK numbers the nodes of a workflow: `3-charge`. With one more, others are renamed."""


class Visit(NamedTuple):
    """The so manieth visit of a thread to nodes of a name, whatever their number, of the run that
    `run` stands for.
    """

    run: RunAddress
    thread: int
    node: str
    number: int


RunAddress = str | Visit
"""A run by its id; or the visit to a node that started it below another run."""


def visit_of(rows: Rows, tenant: str, row: TaskRun | UserTaskRun) -> Visit | None:
    """The visit that has made a task or a user task; None if it has gone since."""
    there = rows.peek(NodeRun, tenant, row.wf_run_id, row.thread, row.position)
    return None if there is None else _visit(rows, there)


def run_address(rows: Rows, tenant: str, wf_run_id: str) -> RunAddress:
    """What a run's id stands for."""
    parent, dot, _ = wf_run_id.rpartition(".")
    if dot:
        for node in rows.scan(NodeRun, tenant, parent):
            if node.output == wf_run_id:
                return _visit(rows, node)
    return wf_run_id


def run_at(rows: Rows, tenant: str, address: RunAddress) -> str | None:
    """The id of the run at an address; None if there is none."""
    if isinstance(address, str):
        return address
    wf_run_id = run_at(rows, tenant, address.run)
    if wf_run_id is None:
        return None
    number = 0
    for node in rows.scan(NodeRun, tenant, wf_run_id, address.thread):
        if _name(node) == address.node:
            if number == address.number:
                return node.output if isinstance(node.output, str) else None
            number += 1
    return None


def _visit(rows: Rows, there: NodeRun) -> Visit:
    place = there.tenant, there.wf_run_id, there.thread
    before = (one for one in rows.scan(NodeRun, *place) if one.position < there.position)
    name = _name(there)
    number = sum(_name(one) == name for one in before)
    return Visit(run_address(rows, there.tenant, there.wf_run_id), there.thread, name, number)


def _name(node: NodeRun) -> str:
    return _NUMBERED.sub("", node.node, count=1)
