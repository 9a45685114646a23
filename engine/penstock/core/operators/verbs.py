"""What operators' verbs have in common: where they may act, and what they answer."""

from __future__ import annotations

from typing import Final

from penstock.core.advance.advance import settle
from penstock.core.errors import Code, refuse
from penstock.core.flow.load import load
from penstock.core.state.run import TaskRun, WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

FORCE_HINT: Final = "; have it go on, and force it while it waits for one"
"""What to do with a run that has no place among those that may be at work at once."""


def known_run(turn: Turn, wf_run_id: str) -> WfRun:
    """A run, to be changed and put back; refuses one that does not exist."""
    run = turn.rows.get(WfRun, turn.tenant, wf_run_id)
    if run is None:
        refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {wf_run_id!r}")
    return run


def known_task(turn: Turn, wf_run_id: str, guid: str) -> TaskRun:
    """A task of a run, to be changed and put back; refuses one that does not exist."""
    task = turn.rows.get(TaskRun, turn.tenant, wf_run_id, guid)
    if task is None:
        refuse(Code.TASK_RUN_UNKNOWN, f"WfRun {wf_run_id!r} has no TaskRun {guid!r}")
    return task


def settled_status(turn: Turn, wf_run_id: str, thread: int) -> Value:
    """What a thread, and its run, have become of a verb."""
    settle(turn)
    at = load(turn, wf_run_id, thread)
    return {"status": at.thread.status, "wf_run_status": at.run.status}
