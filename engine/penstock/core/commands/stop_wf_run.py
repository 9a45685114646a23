"""StopWfRun: halts a thread of a run by hand. A task in flight keeps it HALTING until the task has
ended.
"""

from penstock.core.advance.advance import halt, settle
from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.load import load
from penstock.core.state.run import HaltReason
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class StopWfRun(Command, frozen=True):
    """Which run, and which of its threads (0 is the entrypoint)."""

    wf_run_id: str
    thread: int = 0


def handle(turn: Turn, command: StopWfRun) -> Value:
    """Halt the thread; one that is halted by hand already stays so."""
    at = load(turn, command.wf_run_id, command.thread)
    if at.thread.status not in THREAD_LIVE:
        refuse(
            Code.WF_RUN_ENDED,
            f"thread {command.thread} of {command.wf_run_id!r} is {at.thread.status}",
        )
    halt(at, HaltReason.MANUAL_HALT)
    settle(turn)
    return {"status": load(turn, command.wf_run_id, command.thread).thread.status}


COMMAND = CommandType(StopWfRun, handle, of_wf_run, audited=True)
