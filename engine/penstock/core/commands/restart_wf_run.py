"""RestartWfRun: a run that has failed, or was killed, goes on from every node at which it failed.
What was handled stays handled, and what has succeeded is not done again.
"""

from typing import Final

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.load import refuse_if_busy
from penstock.core.operators.sweep import restart_run
from penstock.core.operators.verbs import known_run, settled_status
from penstock.core.state.transitions import THREAD_FAILED, ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

_INSTEAD: Final = {
    ThreadStatus.HALTED: "; resume it",
    ThreadStatus.COMPLETED: "; replay it",
}


class RestartWfRun(Command, frozen=True):
    """Which run."""

    wf_run_id: str


def handle(turn: Turn, command: RestartWfRun) -> Value:
    """Go over its threads, and have those go on that have failed."""
    run = known_run(turn, command.wf_run_id)
    refuse_if_busy(run)
    if run.status not in THREAD_FAILED:
        hint = _INSTEAD.get(run.status, "")
        refuse(Code.WF_RUN_NOT_FAILED, f"WfRun {run.wf_run_id!r} is {run.status}{hint}")
    restart_run(turn, run)
    return settled_status(turn, command.wf_run_id, 0)


COMMAND = CommandType(RestartWfRun, handle, of_wf_run, audited=True)
