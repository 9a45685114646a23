"""The node run that is meant by the id of a task run. That of a TASK has a row; any other has an id
that is derived in the same way, and is looked for.

A replay that was begun in its middle shows what lies before as its own, under ids of its own; the
node runs are those of the run that it replays, or of the one that this one replays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from penstock.core.errors import Code, refuse
from penstock.core.ids import id_before, visit_id
from penstock.core.limits import TASK_RUN_VISITS_SEEN_MAX
from penstock.core.state.partition_state import Deleting
from penstock.core.state.replay_rows import Replayed
from penstock.core.state.rows import Rows
from penstock.core.state.run import TaskRun, ThreadRun, WfRun

LEVELS_MAX: Final = 20
"""So many replays of replays are gone through."""


class Visit(NamedTuple):
    """A run, a thread of it, and a position in it."""

    run: WfRun
    thread: int
    position: int


def visit_of(rows: Rows, partition: int, run: WfRun, guid: str) -> Visit:
    """The node run with which a task run of a run begins, or one that it shows as its own; refused
    is an id that none has. All these runs lie on one partition.
    """
    task = rows.peek(TaskRun, run.tenant, run.wf_run_id, guid)
    if task is not None:
        return Visit(run, task.thread, task.position)
    for seen, visit in enumerate(_visits(rows, run)):
        if seen == TASK_RUN_VISITS_SEEN_MAX:
            refuse(
                Code.LIMIT,
                f"task run {guid[:60]!r} is none of the first {seen} node runs of WfRun"
                f" {run.wf_run_id!r}: name its thread and position",
            )
        own = visit.run
        born = (partition, own.born_offset, own.wf_run_id)
        own_id = visit_id(*born, visit.thread, visit.position)
        if guid == (own_id if own is run else id_before(run.wf_run_id, own_id)):
            return visit
    return refuse(Code.TASK_RUN_UNKNOWN, f"WfRun {run.wf_run_id!r} has no task run {guid[:60]!r}")


def replayed_by(rows: Rows, run: WfRun) -> Iterator[WfRun]:
    """The run that a replay goes on with, if it was begun in its middle, then the one that this one
    goes on with; as far as they are there, and are not being deleted.
    """
    for _ in range(LEVELS_MAX):
        if run.replay is None or rows.peek(Replayed, run.tenant, run.wf_run_id, 0) is None:
            return
        older = rows.peek(WfRun, run.tenant, run.replay.of)
        if older is None or rows.peek(Deleting, run.tenant, older.wf_run_id) is not None:
            return
        yield older
        run = older


def _visits(rows: Rows, newest: WfRun) -> Iterator[Visit]:
    """Threads above others come first; one that is not kept has had its visits, too."""
    for run in (newest, *replayed_by(rows, newest)):
        for number in range(run.threads):
            thread = rows.peek(ThreadRun, run.tenant, run.wf_run_id, number)
            assert thread is not None, "a thread's row stays while its run does"
            yield from (Visit(run, number, position) for position in range(thread.position + 1))
