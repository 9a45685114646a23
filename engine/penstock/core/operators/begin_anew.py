"""Beginning a run anew: a replay from its beginning takes the place of one that was superseded
(flow/anew.py), once, in the turn in which its timer is due.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.errors import Reject
from penstock.core.flow.anew import drop_anew
from penstock.core.flow.ends import note_end
from penstock.core.flow.moves import ENTRYPOINT_NUMBER, tell_status
from penstock.core.operators.replay import new_run_id, seed_of
from penstock.core.operators.replay_start import start_replay
from penstock.core.state.audit import audit_engine, audit_refusal
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import ThreadRun, WfRun
from penstock.core.state.timers import Timer
from penstock.core.state.turn import Turn

VERB: Final = "BeginAnew"
ENGINE: Final = "engine"


def fire_begin_anew(turn: Turn, timer: Timer) -> None:
    """The time has come. If no run can be begun, this one has failed for good, and says why."""
    run = turn.rows.get(WfRun, turn.tenant, timer.wf_run_id)
    if run is None or run.anew is None or run.anew.due_ms != timer.due_ms:
        return
    try:
        request = [VERB, run.wf_run_id]
        seed = seed_of(turn, run, position=None, version=None, request=request)
        new_id = new_run_id(turn, run.wf_run_id)
        start_replay(turn, new_id, replace(seed, principal=ENGINE))
        audit_engine(turn, run.wf_run_id, VERB, {"wf_run_id": new_id})
        run.anew = replace(run.anew, due_ms=None)
        turn.rows.put(run)
    except Reject as rejection:
        code, message = rejection.code, rejection.message
        audit_refusal(turn, run.wf_run_id, VERB, code, message, None)
        said = f"it was to be begun anew, and can not be: {code}: {message}"[:2_000]
        call_off(turn, run, Failure(FailureName.TASK_FAILURE, said))


def call_off(turn: Turn, run: WfRun, failure: Failure) -> bool:
    """No run takes the place of one that has ended, which has failed with this instead; False if
    none was to.
    """
    if not drop_anew(turn, run):
        return False
    first = turn.rows.get(ThreadRun, turn.tenant, run.wf_run_id, ENTRYPOINT_NUMBER)
    assert first is not None, "a run has an entrypoint"
    first.failure = failure
    note_end(turn, run, first)  # it has ended otherwise after all
    turn.rows.put(first)
    turn.rows.put(run)
    tell_status(turn, run, first)
    return True
