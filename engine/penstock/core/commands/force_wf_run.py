"""ForceWfRun: a run that waits for a place begins at once, though there is none. It counts among
those that have one.
"""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.load import refuse_if_busy
from penstock.core.flow.places import force
from penstock.core.operators.verbs import known_run
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class ForceWfRun(Command, frozen=True):
    """Which run."""

    wf_run_id: str


def handle(turn: Turn, command: ForceWfRun) -> Value:
    """Say so to the partition of the limit; the run goes on with its answer."""
    run = known_run(turn, command.wf_run_id)
    refuse_if_busy(run)
    if not run.held:
        refuse(Code.WF_RUN_NOT_HELD, f"WfRun {run.wf_run_id!r} is {run.status}, not held")
    force(turn, run)
    return None


COMMAND = CommandType(ForceWfRun, handle, of_wf_run, audited=True)
