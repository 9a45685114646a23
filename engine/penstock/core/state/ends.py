"""How a run has ended, by its rows."""

from __future__ import annotations

from typing import Final

from penstock.core.state.failures import FailureName
from penstock.core.state.place_rows import LimitBehavior
from penstock.core.state.rows import Rows
from penstock.core.state.run import ThreadRun, WfRun
from penstock.core.state.start_rows import EndState
from penstock.core.state.transitions import THREAD_LIVE, ThreadStatus

_BY_FAILURE: Final = {
    FailureName.SUPERSEDED.value: EndState.SUPERSEDED,
    FailureName.LIMIT.value: EndState.LIMIT_CANCEL,
}


def end_state(run: WfRun, thread: ThreadRun) -> EndState:
    """How the run has ended."""
    if thread.status is ThreadStatus.COMPLETED:
        return EndState.WARNED if run.warned else EndState.COMPLETED
    failure = thread.failure
    if failure is not None and failure.by_kill:
        return EndState.KILLED
    if thread.status is ThreadStatus.EXCEPTION:
        return EndState.EXCEPTION
    state = _BY_FAILURE.get("" if failure is None else failure.name, EndState.ERROR)
    if state is EndState.LIMIT_CANCEL:
        refusal = None if run.place is None else run.place.refusal
        return EndState.LIMIT_FAIL if refusal is LimitBehavior.FAIL else state
    return state


def counted_end(rows: Rows, run: WfRun) -> EndState | None:
    """How a run counts as having ended: as an operator has said, or as it did; None: it has not."""
    if run.status in THREAD_LIVE:
        return None
    thread = rows.peek(ThreadRun, run.tenant, run.wf_run_id, 0)
    assert thread is not None, "a run has an entrypoint thread"
    return end_state(run, thread) if run.counts_as is None else run.counts_as
