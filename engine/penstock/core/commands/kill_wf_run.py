"""KillWfRun: ends a run wherever it stands. It is HALTING until its tasks have ended, or the
deadline has come; then ERROR, with the failure KILLED, which nobody handles.
"""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.limits import DURATION_MS_MAX, KILL_DEADLINE_MS_DEFAULT
from penstock.core.operators.begin_anew import call_off
from penstock.core.operators.kill_run import kill, kill_below
from penstock.core.operators.verbs import known_run, settled_status
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class KillWfRun(Command, frozen=True):
    """Which run; whether its child runs, too; how long tasks with a worker are waited for."""

    wf_run_id: str
    cascade: bool = True
    deadline_ms: int = KILL_DEADLINE_MS_DEFAULT


def handle(turn: Turn, command: KillWfRun) -> Value:
    """Begin to kill the run; one that is being killed gets the new deadline, and one that has ended
    and is to be begun anew is not.
    """
    if not 0 <= command.deadline_ms <= DURATION_MS_MAX:
        refuse(Code.BAD_VALUE, f"deadline_ms {command.deadline_ms} is not a duration")
    run, message = known_run(turn, command.wf_run_id), f"killed by {turn.principal}"
    if run.status not in THREAD_LIVE:
        if not call_off(turn, run, Failure(FailureName.KILLED, message)):
            refuse(Code.WF_RUN_ENDED, f"WfRun {run.wf_run_id!r} is {run.status}")
        return settled_status(turn, command.wf_run_id, 0)
    kill(turn, run, message=message, deadline_ms=command.deadline_ms)
    if command.cascade:
        kill_below(turn, command.wf_run_id, command.deadline_ms)
    return settled_status(turn, command.wf_run_id, 0)


COMMAND = CommandType(KillWfRun, handle, of_wf_run, audited=True)
