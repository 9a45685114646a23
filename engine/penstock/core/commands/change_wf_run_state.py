"""ChangeWfRunState: an operator says as what a run counts that has ended, for those who look at it.
Nothing of it is run, nobody who waited for it or is started by its end is told, and its own status
stays. A run that goes on counts as what it is again.
"""

from typing import Final

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.load import refuse_if_busy
from penstock.core.operators.verbs import known_run
from penstock.core.state.start_rows import EndState
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

SAYABLE: Final = (EndState.COMPLETED, EndState.WARNED, EndState.ERROR, EndState.KILLED)
"""The other ends are the engine's to say."""


class ChangeWfRunState(Command, frozen=True):
    """Which run, and as what it counts."""

    wf_run_id: str
    state: EndState


def handle(turn: Turn, command: ChangeWfRunState) -> Value:
    """Keep it with the run."""
    run = known_run(turn, command.wf_run_id)
    refuse_if_busy(run)
    if command.state not in SAYABLE:
        refuse(Code.BAD_VALUE, f"state: one of {', '.join(SAYABLE)}, not {command.state}")
    if run.status in THREAD_LIVE:
        refuse(Code.WF_RUN_LIVE, f"WfRun {run.wf_run_id!r} is {run.status}; kill it first")
    if run.anew is not None and run.anew.due_ms is not None:
        message = f"WfRun {run.wf_run_id!r} is to be begun anew; kill it first"
        refuse(Code.WF_RUN_LIVE, message)
    run.counts_as = command.state
    turn.rows.put(run)
    return {"status": run.status, "counts_as": run.counts_as}


COMMAND = CommandType(ChangeWfRunState, handle, of_wf_run, audited=True)
