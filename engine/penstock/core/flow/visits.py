"""The node run that is meant by the id of a task run. That of a TASK has a row; any other has an id
that is derived in the same way, and is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.errors import Code, refuse
from penstock.core.flow.at import peek_thread
from penstock.core.ids import visit_id
from penstock.core.limits import TASK_RUN_VISITS_SEEN_MAX
from penstock.core.state.run import TaskRun, WfRun
from penstock.core.state.turn import Turn

Visit = tuple[int, int]
"""A thread of a run, and a position in it."""


def visit_of(turn: Turn, wf_run_id: str, guid: str) -> Visit:
    """The node run with which a task run begins; refused is an id that none has."""
    task = turn.rows.peek(TaskRun, turn.tenant, wf_run_id, guid)
    if task is not None:
        return task.thread, task.position
    run = turn.rows.peek(WfRun, turn.tenant, wf_run_id)
    if run is None:
        refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {wf_run_id!r}")
    born = (turn.shard.partition, run.born_offset, wf_run_id)
    for seen, visit in enumerate(_visits(turn, run)):
        if seen == TASK_RUN_VISITS_SEEN_MAX:
            refuse(
                Code.LIMIT,
                f"task run {guid[:60]!r} is none of the first {seen} node runs of WfRun"
                f" {wf_run_id!r}: name its thread and position",
            )
        if visit_id(*born, *visit) == guid:
            return visit
    return refuse(Code.TASK_RUN_UNKNOWN, f"WfRun {wf_run_id!r} has no task run {guid[:60]!r}")


def _visits(turn: Turn, run: WfRun) -> Iterator[Visit]:
    """Threads above others come first; one that is not kept has had its visits, too."""
    for number in range(run.threads):
        thread = peek_thread(turn, run.wf_run_id, number)
        assert thread is not None, "a thread's row stays while its run does"
        yield from ((number, position) for position in range(thread.position + 1))
