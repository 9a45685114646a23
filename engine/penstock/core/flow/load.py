"""Loads where a thread of a run stands, as copies to be changed and saved."""

from penstock.core.errors import Code, refuse
from penstock.core.flow.at import At
from penstock.core.flow.versions import spec_of
from penstock.core.state.partition_state import Deleting
from penstock.core.state.run import NodeRun, ThreadRun, WfRun
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.state.turn import Turn


def load(turn: Turn, wf_run_id: str, number: int) -> At:
    """Where a thread stands; refuses a run or thread that does not exist, and one that is gone."""
    at = find(turn, wf_run_id, number)
    if at is None:
        refuse(Code.THREAD_UNKNOWN, f"thread {number} of {wf_run_id!r} has ended, and is not kept")
    return at


def find(turn: Turn, wf_run_id: str, number: int) -> At | None:
    """Where a thread stands; None if it is gone. Refuses a run or thread that does not exist."""
    run = turn.rows.get(WfRun, turn.tenant, wf_run_id)
    if run is None:
        refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {wf_run_id!r}")
    return _find(turn, run, number)


def find_woken(turn: Turn, wf_run_id: str, number: int) -> At | None:
    """Where a thread stands that was woken; None if it is gone, or its run is or is going."""
    run = turn.rows.get(WfRun, turn.tenant, wf_run_id)
    if run is None or is_being_deleted(turn, wf_run_id):
        return None
    return _find(turn, run, number)


def _find(turn: Turn, run: WfRun, number: int) -> At | None:
    rows, tenant, wf_run_id = turn.rows, turn.tenant, run.wf_run_id
    thread = rows.get(ThreadRun, tenant, wf_run_id, number) if number >= 0 else None
    if thread is None:
        refuse(Code.THREAD_UNKNOWN, f"WfRun {wf_run_id!r} has no thread {number}")
    if thread.gone:
        return None
    spec = spec_of(rows, run, thread)
    node_run = rows.get(NodeRun, tenant, wf_run_id, number, thread.position)
    assert node_run is not None, "a thread stands at a node"
    return At(turn, run, spec, thread, node_run)


def load_idle(turn: Turn, wf_run_id: str, thread: int) -> At:
    """Where a thread stands; refuses a run that is being killed or restarted just now."""
    at = load(turn, wf_run_id, thread)
    refuse_if_busy(at.run)
    return at


def load_live(turn: Turn, wf_run_id: str, thread: int) -> At:
    """Where a thread that has not ended stands; refuses any other."""
    at = load_idle(turn, wf_run_id, thread)
    if at.thread.status not in THREAD_LIVE:
        refuse(Code.WF_RUN_ENDED, f"thread {thread} of {wf_run_id!r} is {at.thread.status}")
    return at


def refuse_if_busy(run: WfRun) -> None:
    """Refuse a run that another verb is going over just now."""
    if run.sweep is not None:
        message = f"a {run.sweep.verb} of WfRun {run.wf_run_id!r} is under way; wait for its end"
        refuse(Code.WF_RUN_BUSY, message)


def is_being_deleted(turn: Turn, wf_run_id: str) -> bool:
    """Whether the run, or one above it, is being deleted."""
    if not turn.state.deleting:
        return False
    parts = wf_run_id.split(".")
    family = (".".join(parts[: number + 1]) for number in range(len(parts)))
    return any(turn.rows.peek(Deleting, turn.tenant, run_id) is not None for run_id in family)


def is_there(turn: Turn, wf_run_id: str) -> bool:
    """Whether there is such a run, and it is not being deleted."""
    if turn.rows.peek(WfRun, turn.tenant, wf_run_id) is None:
        return False
    return not is_being_deleted(turn, wf_run_id)
