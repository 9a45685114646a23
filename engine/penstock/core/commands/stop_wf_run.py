"""StopWfRun: halts a thread of a run by hand. A task in flight keeps it HALTING until the task has
ended.
"""

from penstock.core.advance.advance import halt
from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.flow.load import load_live
from penstock.core.operators.verbs import settled_status
from penstock.core.state.run import HaltReason
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class StopWfRun(Command, frozen=True):
    """Which run, and which of its threads (0 is the entrypoint)."""

    wf_run_id: str
    thread: int = 0


def handle(turn: Turn, command: StopWfRun) -> Value:
    """Halt the thread; one that is halted by hand already stays so."""
    halt(load_live(turn, command.wf_run_id, command.thread), HaltReason.MANUAL_HALT)
    return settled_status(turn, command.wf_run_id, command.thread)


COMMAND = CommandType(StopWfRun, handle, of_wf_run, audited=True)
