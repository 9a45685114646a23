"""PauseWfRun: holds a thread of a run until ResumeWfRun. As a stop by hand, but told apart from
one: a run that an operator has paused is no run that is in trouble.
"""

from penstock.core.advance.advance import halt
from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.flow.load import load_live
from penstock.core.operators.verbs import settled_status
from penstock.core.state.run import HaltReason
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class PauseWfRun(Command, frozen=True):
    """Which run, and which of its threads (0 is the entrypoint)."""

    wf_run_id: str
    thread: int = 0


def handle(turn: Turn, command: PauseWfRun) -> Value:
    """Halt the thread; one that is paused already stays so."""
    halt(load_live(turn, command.wf_run_id, command.thread), HaltReason.PAUSED)
    return settled_status(turn, command.wf_run_id, command.thread)


COMMAND = CommandType(PauseWfRun, handle, of_wf_run, audited=True)
