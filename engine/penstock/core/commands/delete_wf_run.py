"""DeleteWfRun: deletes every row of a run that has ended, and of its child runs."""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.family import is_live_below
from penstock.core.ids import root_of
from penstock.core.operators.deletion import begin_deletion
from penstock.core.operators.verbs import known_run
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class DeleteWfRun(Command, frozen=True):
    """Which run."""

    wf_run_id: str


def handle(turn: Turn, command: DeleteWfRun) -> Value:
    """Begin; it goes on in later turns."""
    run = known_run(turn, command.wf_run_id)
    root = root_of(command.wf_run_id)
    if root != command.wf_run_id:
        refuse(Code.WF_RUN_IS_CHILD, f"a child run is deleted with its root, WfRun {root!r}")
    if run.status in THREAD_LIVE:
        refuse(Code.WF_RUN_LIVE, f"WfRun {run.wf_run_id!r} is {run.status}; kill it first")
    if is_live_below(turn, run.wf_run_id):
        refuse(Code.WF_RUN_LIVE, f"a run below WfRun {run.wf_run_id!r} is live; kill it first")
    begin_deletion(turn, run, turn.principal)
    return None


COMMAND = CommandType(DeleteWfRun, handle, of_wf_run, audited=True)
